package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// program is something that must be installed.
type program struct {
	name    string         // of the executable
	title   string         // as people write it
	pkg     string         // the Debian package that has it
	ask     string         // the flag that makes it print its version
	version *regexp.Regexp // finds the version in what it prints
}

var (
	named   = program{"named", "BIND", "bind9", "-v", regexp.MustCompile(`BIND (\S+)`)}
	knotd   = program{"knotd", "Knot DNS", "knot", "--version", regexp.MustCompile(`version (\S+)`)}
	nsd     = program{"nsd", "NSD", "nsd", "-v", regexp.MustCompile(`NSD version (\S+)`)}
	unbound = program{"unbound", "Unbound", "unbound", "-V", regexp.MustCompile(`Version (\S+)`)}
	dig     = program{"dig", "dig", "bind9-dnsutils", "-v", regexp.MustCompile(`DiG (\S+)`)}

	programs = []program{named, dig, knotd, nsd, unbound}
)

// server is a program with a configuration and zones.
type server struct {
	program  program
	config   string   // the template in testdata
	args     []string // behind the program's name; CONFIG stands for the file
	zones    []zone   // what it serves
	ready    []string // names whose SOA it answers once it is ready
	upstream string   // the server that it asks, or ""
	// confined says that Debian has an AppArmor profile for this program, by
	// which /usr/sbin/NAME reads nothing outside /etc and /var. A copy in our
	// folder reads our folder.
	confined bool
}

// zone is a zone and its file in testdata/zones.
type zone struct{ Name, File string }

var ours = []zone{
	{"example.com.", "example.com.zone"},
	{"2.0.192.in-addr.arpa.", "2.0.192.in-addr.arpa.zone"},
	{"8.b.d.0.1.0.0.2.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.zone"},
	{"bulk.example.", "bulk.example.zone"},
}

// servers by the id that the catalogue uses. The last part of the name of a
// capture is the program's id, which root shares with nsd.
var servers = map[string]server{
	"bind": {
		program: named, config: "named.conf", confined: true,
		args:  []string{"-g", "-n", "1", "-c", "CONFIG"},
		zones: ours, ready: names(ours),
	},
	"knot": {
		program: knotd, config: "knot.conf",
		args:  []string{"-c", "CONFIG"},
		zones: ours, ready: names(ours),
	},
	"nsd": {
		program: nsd, config: "nsd.conf",
		args:  []string{"-d", "-c", "CONFIG"},
		zones: ours, ready: names(ours),
	},
	"root": {
		program: nsd, config: "nsd.conf",
		args:  []string{"-d", "-c", "CONFIG"},
		zones: []zone{{".", "root.zone"}}, ready: []string{"."},
	},
	"unbound": {
		program: unbound, config: "unbound.conf", confined: true,
		args:  []string{"-d", "-c", "CONFIG"},
		ready: []string{"localhost."}, upstream: "nsd",
	},
}

func names(zones []zone) []string {
	var out []string
	for _, z := range zones {
		out = append(out, z.Name)
	}
	return out
}

// needed returns the ids of the servers that the captures ask, each behind the
// server that it asks itself.
func needed(captures []capture) []string {
	var ids []string
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, c := range captures {
		add(servers[c.server].upstream)
		add(c.server)
	}
	return ids
}

// findPrograms returns the paths of dig and of each server's program, by name.
// Its error names every package that is missing.
func findPrograms(ids []string, look func(string) (string, error)) (map[string]string, error) {
	want := []program{dig}
	for _, id := range ids {
		want = append(want, servers[id].program)
	}
	found := make(map[string]string)
	var missing, pkgs []string
	for _, p := range want {
		path, err := look(p.name)
		if err == nil {
			found[p.name] = path
		} else if !slices.Contains(missing, p.name) {
			missing = append(missing, p.name)
			pkgs = append(pkgs, p.pkg)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("not found: %s; on Debian and Ubuntu:\n  sudo apt-get install %s",
			strings.Join(missing, ", "), strings.Join(pkgs, " "))
	}
	return found, nil
}

// lookPath finds a program on PATH, or where Debian has its servers, which is
// not on the PATH of most people.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// readVersions asks each program, given by name and path, for its version.
func readVersions(ctx context.Context, paths map[string]string) (map[string]string, error) {
	versions := make(map[string]string)
	for _, p := range programs {
		path, ok := paths[p.name]
		if !ok {
			continue
		}
		// The exit code says nothing: nsd -v, for one, has had both.
		said, err := exec.CommandContext(ctx, path, p.ask).CombinedOutput()
		m := p.version.FindSubmatch(said)
		if m == nil {
			return nil, fmt.Errorf("%s %s says no version (%v):\n%s", path, p.ask, err, said)
		}
		versions[p.name] = p.title + " " + string(m[1])
	}
	return versions, nil
}

//go:embed testdata/*.conf testdata/zones
var data embed.FS

// settings is what the templates of configurations know.
type settings struct {
	Dir      string // the server's folder, which holds everything it reads and writes
	Port     int    // of 127.0.0.1, for UDP and TCP
	Upstream int    // the port of the server that it asks
	Zones    []zone
}

// configuration returns the content of the server's configuration file.
func (s server) configuration(set settings) ([]byte, error) {
	t, err := template.ParseFS(data, path.Join("testdata", s.config))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, set)
	return b.Bytes(), err
}

// lay puts into the folder set.Dir, which must exist, all that the server
// needs, and returns the command that starts it.
func (s server) lay(set settings, program string) (*exec.Cmd, error) {
	for _, z := range s.zones {
		src, err := data.ReadFile(path.Join("testdata/zones", z.File))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(set.Dir, z.File), src, 0o644); err != nil {
			return nil, err
		}
	}
	conf, err := s.configuration(set)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(set.Dir, s.config)
	if err := os.WriteFile(file, conf, 0o644); err != nil {
		return nil, err
	}
	if s.confined {
		if program, err = copyProgram(set.Dir, program); err != nil {
			return nil, err
		}
	}
	args := slices.Clone(s.args)
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "CONFIG", file)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = set.Dir
	return cmd, nil
}

func copyProgram(dir, program string) (string, error) {
	src, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, filepath.Base(program))
	return to, os.WriteFile(to, src, 0o755)
}

// fleet is the servers that run, by id.
type fleet map[string]*process

// startServers starts the servers, each in a folder of its own below dir, and
// waits until all are ready. The fleet is to be stopped even when there is an
// error.
func startServers(ctx context.Context, dir string, ids []string, paths map[string]string) (fleet, error) {
	running := make(fleet)
	for _, id := range ids {
		s := servers[id]
		set := settings{Zones: s.zones}
		if s.upstream != "" {
			set.Upstream = running[s.upstream].addr.Port
		}
		p, err := s.startOnFreePort(ctx, filepath.Join(dir, id), set, paths[s.program.name])
		if err != nil {
			return running, err
		}
		running[id] = p
	}
	return running, nil
}

// stop stops every server and waits until it is gone.
func (f fleet) stop() {
	for _, id := range slices.Sorted(maps.Keys(f)) {
		f[id].stop()
	}
}

// startOnFreePort starts the server on a port that nobody has. Between finding
// the port and taking it somebody else may get it: hence three attempts.
func (s server) startOnFreePort(ctx context.Context, dir string, set settings, program string) (*process, error) {
	var failed error
	for attempt := range 3 {
		set.Dir = fmt.Sprintf("%s%d", dir, attempt)
		if err := os.Mkdir(set.Dir, 0o755); err != nil {
			return nil, err
		}
		tcp, udp, err := listenBoth()
		if err != nil {
			return nil, err
		}
		addr := udp.LocalAddr().(*net.UDPAddr)
		tcp.Close()
		udp.Close()
		set.Port = addr.Port
		cmd, err := s.lay(set, program)
		if err != nil {
			return nil, err
		}
		p, err := start(ctx, cmd, addr, s.ready)
		if err == nil || ctx.Err() != nil {
			return p, err
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", s.program.name, err))
	}
	return nil, failed
}
