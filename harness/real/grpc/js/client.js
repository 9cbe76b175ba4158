// A client of the PodService by people who know nothing of Go. It prints what it
// learnt as JSON, for the Go program in the folder above to judge.
//
//	node client.js 127.0.0.1:7007 PROTO_FOLDER
'use strict'
const grpc = require('@grpc/grpc-js')
const loader = require('@grpc/proto-loader')

const [address, protos] = process.argv.slice(2)
const definition = loader.loadSync('netkata/pods/v1/pods.proto', {
  keepCase: true, longs: String, enums: String, defaults: true, includeDirs: [protos],
})
const { PodService } = grpc.loadPackageDefinition(definition).netkata.pods.v1
const client = new PodService(address, grpc.credentials.createInsecure())
const deadline = () => ({ deadline: Date.now() + 10000 })

// call makes a unary call, and gives its response, or the name of its code.
const call = (method, request) => new Promise(resolve => {
  client[method](request, deadline(), (err, response) =>
    resolve(err ? { code: grpc.status[err.code], details: err.metadata.get('grpc-status-details-bin').length > 0 } : response))
})

// watch reads the snapshot, and one change if there is one soon, and cancels.
const watch = request => new Promise(resolve => {
  const stream = client.WatchPods(request, deadline())
  const types = []
  stream.on('data', event => {
    types.push(event.type)
    if (types.lastIndexOf('TYPE_SYNCED') >= 0 && event.type !== 'TYPE_SYNCED') stream.cancel()
  })
  stream.on('error', err => resolve({ types, code: grpc.status[err.code] }))
  stream.on('end', () => {})
})

async function main () {
  const pages = []
  for (let token = ''; ;) {
    const page = await call('ListPods', { page_size: 2, page_token: token })
    if (page.code) throw new Error('ListPods: ' + page.code)
    pages.push(page.pods.map(p => p.namespace + '/' + p.name))
    token = page.next_page_token
    if (token === '') break
  }
  const [namespace, name] = pages[0][0].split('/')
  const result = {
    pages,
    found: (await call('GetPod', { namespace, name })).pod,
    missing: await call('GetPod', { namespace, name: 'nobody' }),
    invalid: await call('ListPods', { page_size: -1 }),
    watch: await watch({}),
  }
  console.log(JSON.stringify(result))
  client.close()
}

main().catch(err => { console.error(err); process.exit(1) })
