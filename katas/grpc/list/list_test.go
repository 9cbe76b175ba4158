package list_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/grpctest"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/katas/grpc/list"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// One pod, and then some that are easily taken for one another (AIP-131).
func TestGet(t *testing.T) {
	t.Run("one pod", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b)
			pod := full("shop", "web-0")
			s.put(pod)
			s.mustGet(pod)
		})
	})
	t.Run("put again", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b)
			s.put(full("shop", "web-0"), full("shop", "web-1"))
			changed := small("shop", "web-0")
			changed.Phase = podsv1.Phase_PHASE_FAILED
			s.put(changed)
			s.mustGet(changed)
			s.mustGet(full("shop", "web-1"))
		})
	})
	for _, tt := range []struct {
		why  string
		pods []*podsv1.Pod
	}{
		{"one name in two namespaces", []*podsv1.Pod{small("shop", "web-0"), small("test", "web-0")}},
		{"namespace and name exchanged", []*podsv1.Pod{small("shop", "test"), small("test", "shop")}},
		{"slashes", []*podsv1.Pod{small("a", "b/c"), small("a/b", "c"), small("a/", "b/c"), small("a", "/b/c")}},
		{"nothing between the two", []*podsv1.Pod{small("ab", "c"), small("a", "bc")}},
		{"zero bytes", []*podsv1.Pod{small("a", "b\x00c"), small("a\x00b", "c")}},
		{"white space", []*podsv1.Pod{small("shop", " "), small(" ", "web"), small("\t", "\n")}},
		{"upper and lower case", []*podsv1.Pod{small("shop", "web"), small("shop", "Web"), small("Shop", "web")}},
		{"values that seem to be none", []*podsv1.Pod{odd("shop", "web-0")}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				s := start(b)
				for i, pod := range tt.pods {
					pod.Node = fmt.Sprintf("node-%d", i)
				}
				s.put(tt.pods...)
				for _, pod := range tt.pods {
					s.mustGet(pod)
				}
			})
		})
	}
}

// Pods that are not there, or not any more (google.rpc.ResourceInfo).
func TestNotFound(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		s := start(b)
		s.mustNotFind("shop", "web-0")
		s.mustNotFind("a/../%b", "/ c+")
		s.mustDelete("shop", "web-0", false)
		s.put(small("shop", "web-0"))
		s.mustDelete("shop", "web-0", true)
		s.mustNotFind("shop", "web-0")
		s.put(small("shop", "web-0"), small("shop", "web-1"), small("test", "db-0"))
		for _, k := range [][2]string{{"shop", "web"}, {"shop", "web-00"}, {"sho", "web-0"}, {"test", "web-0"}, {"web-0", "shop"}} {
			s.mustNotFind(k[0], k[1])
		}
		s.mustDelete("test", "web-0", false)
		s.mustDelete("shop", "web-0", true)
		s.mustNotFind("shop", "web-0")
		s.mustDelete("shop", "web-0", false)
		s.mustGet(small("shop", "web-1"))
		s.put(small("shop", "web-0"))
		s.mustGet(small("shop", "web-0"))
	})
}

// Requests that lack one of the two (google.rpc.BadRequest).
func TestEmpty(t *testing.T) {
	bubble.Run(t, 3, func(b *bubble.B) {
		s := start(b)
		s.put(small("shop", "web-0"))
		s.mustNotGet(&podsv1.GetPodRequest{Namespace: "shop"}, "name")
		s.mustNotGet(&podsv1.GetPodRequest{Name: "web-0"}, "namespace")
	})
}

// All pods, on one page (AIP-132).
func TestList(t *testing.T) {
	for _, tt := range []struct {
		why  string
		want []*podsv1.Pod // in the order wanted
	}{
		{"no pods", nil},
		{"one namespace", []*podsv1.Pod{small("shop", "db-0"), small("shop", "web-0"), small("shop", "web-1"), small("shop", "web-10"), small("shop", "web-2")}},
		{"several", []*podsv1.Pod{small("a", "z"), small("b", "y"), small("c", "a"), small("c", "x")}},
		{"byte by byte", []*podsv1.Pod{small("A", "x"), small("Z", "x"), small("a", "B"), small("a", "a"), small("a", "~"), small("a", "é"), small("b", " "), small("b", "x"), small("b", "\uff5e"), small("b", "\U0001f600")}},
		// '-' is less than '/', so a string made of both sorts otherwise.
		{"namespaces of which one begins with another", []*podsv1.Pod{small("shop", "web-0"), small("shop", "web-1"), small("shop-2", "a"), small("shop.eu", "a"), small("shops", "a")}},
		{"zero bytes", []*podsv1.Pod{small("\x00", "a"), small("a", "\x00"), small("a", "z"), small("a\x00", "a"), small("a\x00b", "a"), small("aa", "a")}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				s := start(b)
				s.put(mixed(tt.want)...)
				for range 3 {
					s.mustHave(s.mustList(&podsv1.ListPodsRequest{}).GetPods(), tt.want, "all that there are")
				}
			})
		})
	}
	t.Run("put again, and deleted", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b)
			s.put(small("shop", "a"), small("shop", "b"), small("shop", "c"))
			changed := full("shop", "c")
			s.put(changed)
			s.mustDelete("shop", "a", true)
			s.put(small("shop", "d"))
			s.mustHave(s.mustList(&podsv1.ListPodsRequest{}).GetPods(), []*podsv1.Pod{small("shop", "b"), changed, small("shop", "d")}, "all that there are now")
		})
	})
}

// The pods of one namespace (AIP-132).
func TestNamespace(t *testing.T) {
	bubble.Run(t, 5, func(b *bubble.B) {
		s := start(b)
		of := map[string][]*podsv1.Pod{}
		for _, namespace := range []string{"shop", "sho", "shop-2", "shops", "Shop", "shop\x00", "test", " ", "*", "-"} {
			of[namespace] = slices.Concat([]*podsv1.Pod{small(namespace, "\x00"), small(namespace, " ")}, some(namespace, 1), []*podsv1.Pod{small(namespace, "~"), small(namespace, "é")})
			s.put(of[namespace]...)
		}
		for _, namespace := range slices.Sorted(maps.Keys(of)) {
			s.mustHave(s.mustList(&podsv1.ListPodsRequest{Namespace: namespace}).GetPods(), of[namespace], fmt.Sprintf("those of %q", namespace))
		}
		for _, namespace := range []string{"a", "shop-", "web-00", "zz"} {
			s.mustHave(s.mustList(&podsv1.ListPodsRequest{Namespace: namespace}).GetPods(), nil, "none, for there is no such namespace")
		}
	})
}

// From page to page, until all pods have come (AIP-158).
func TestPages(t *testing.T) {
	for _, namespace := range []string{"shop", ""} {
		for _, size := range []int{1, 2, 3, 5, 6, 7, 20, 100} {
			t.Run(fmt.Sprintf("namespace %q, %d to a page", namespace, size), func(t *testing.T) {
				bubble.Run(t, 6, func(b *bubble.B) {
					s := start(b)
					all := s.putThree()
					want := slices.DeleteFunc(all, func(pod *podsv1.Pod) bool { return namespace != "" && pod.Namespace != namespace })
					s.mustWalk(namespace, size, want)
				})
			})
		}
	}
}

// From page to page, where names are long, or have what may stand between them
// in a token.
func TestPagesOfNames(t *testing.T) {
	for _, tt := range []struct {
		why string
		all []*podsv1.Pod
	}{
		{"of 1 KiB", long(5)},
		{"with separators", separators()},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := start(b)
				s.put(mixed(tt.all)...)
				s.mustWalk(tt.all[0].Namespace, 1, tt.all)
				s.mustWalk("", 1, tt.all)
			})
		})
	}
}

// The last page of a list, where more follows in others (AIP-158).
func TestLastPage(t *testing.T) {
	bubble.Run(t, 7, func(b *bubble.B) {
		s := start(b)
		s.mustEnd(&podsv1.ListPodsRequest{PageSize: 3}, 0)
		all := s.putThree()
		s.mustEnd(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 20}, 7)
		s.mustEnd(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 7}, 7) // full, and the last of its list
		s.mustEnd(&podsv1.ListPodsRequest{Namespace: "shop"}, 7)
		s.mustEnd(&podsv1.ListPodsRequest{Namespace: "nowhere", PageSize: 1}, 0)
		s.mustEnd(&podsv1.ListPodsRequest{PageSize: int32(len(all))}, len(all))

		first := s.mustList(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 4})
		s.mustEnd(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 3, PageToken: first.GetNextPageToken()}, 3)
		first = s.mustList(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 2})
		s.mustEnd(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 6, PageToken: first.GetNextPageToken()}, 5)
		first = s.mustList(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 5})
		s.mustDelete("shop", "web-05", true)
		s.mustDelete("shop", "web-06", true)
		s.mustEnd(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 6, PageToken: first.GetNextPageToken()}, 0)
	})
}

// What page_size may be (AIP-158).
func TestPageSize(t *testing.T) {
	bubble.Run(t, 8, func(b *bubble.B) {
		s := start(b)
		s.put(some("shop", 620)...)
		for i, tt := range []struct{ size, want int }{
			{0, 50},
			{1, 1},
			{49, 49},
			{51, 51},
			{499, 499},
			{500, 500},
			{501, 500},
			{100_000, 500},
			{math.MaxInt32, 500},
		} {
			req := &podsv1.ListPodsRequest{Namespace: "shop", PageSize: int32(tt.size)}
			s.mustCount(req, s.mustList(req), tt.want)
			// The same behind another first page: each token is used once here.
			first := &podsv1.ListPodsRequest{Namespace: "shop", PageSize: int32(60 + i)}
			req.PageToken = s.mustList(first).GetNextPageToken()
			s.mustCount(req, s.mustList(req), tt.want)
		}
		for _, size := range []int32{-1, -50, math.MinInt32} {
			s.mustNotList(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: size}, "page_size")
		}
	})
}

// A token, again and again (AIP-158).
func TestTokenAgain(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		s := start(b)
		s.putThree()
		for _, namespace := range []string{"shop", ""} {
			req := &podsv1.ListPodsRequest{Namespace: namespace, PageSize: 2}
			req.PageToken = s.mustList(req).GetNextPageToken()
			second := s.mustList(req)
			rest := s.mustList(&podsv1.ListPodsRequest{Namespace: namespace, PageSize: 100, PageToken: req.PageToken})
			s.mustHave(rest.GetPods()[:min(2, len(rest.GetPods()))], second.GetPods(), "the pods of the second page first, for page_size may change from page to page")
			s.mustList(&podsv1.ListPodsRequest{Namespace: namespace, PageSize: 2, PageToken: second.GetNextPageToken()})
			s.mustHave(s.mustList(req).GetPods(), second.GetPods(), "the same as the first time that this token came")
		}
	})
}

// Tokens that no page of that list came with (AIP-158).
func TestBadToken(t *testing.T) {
	t.Run("made up", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.putThree()
			for _, token := range madeUp() {
				s.about = describe(token)
				s.mustNotList(&podsv1.ListPodsRequest{Namespace: "shop", PageToken: token}, "page_token")
				s.mustNotList(&podsv1.ListPodsRequest{PageToken: token}, "page_token")
			}
		})
	})
	for _, namespace := range []string{"shop", ""} {
		t.Run(fmt.Sprintf("of namespace %q, and damaged", namespace), func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b)
				s.putThree()
				token := s.mustToken(namespace)
				for n := 1; n < len(token); n++ {
					s.mustNotList(&podsv1.ListPodsRequest{Namespace: namespace, PageToken: token[:n]}, "page_token")
				}
				s.mustNotList(&podsv1.ListPodsRequest{Namespace: namespace, PageToken: token + "A"}, "page_token")
				for _, longer := range []string{token + token, token + "\n", "\n" + token, token + "\r\n", token + "\r", token + " ", token + "=", token + "\x00"} {
					s.mustNotList(&podsv1.ListPodsRequest{Namespace: namespace, PageToken: longer}, "page_token")
				}
			})
		})
	}
	t.Run("of another list", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.putThree()
			all := s.mustList(&podsv1.ListPodsRequest{PageSize: 4}).GetNextPageToken() // behind a pod of shop
			s.link.Note("the token is one of namespace %q", "")
			s.mustNotList(&podsv1.ListPodsRequest{Namespace: "shop", PageToken: all}, "page_token")
			for _, from := range []string{"shop", "test", ""} {
				token := s.mustToken(from)
				for _, namespace := range []string{"shop", "test", "", "nowhere", "sho", "SHOP"} {
					if namespace != from {
						s.link.Note("the token is one of namespace %q", from)
						s.mustNotList(&podsv1.ListPodsRequest{Namespace: namespace, PageToken: token}, "page_token")
					}
				}
			}
		})
	})
}

// Two mistakes in one request (google.rpc.BadRequest).
func TestAllViolations(t *testing.T) {
	bubble.Run(t, 11, func(b *bubble.B) {
		s := start(b)
		s.putThree()
		s.mustNotGet(&podsv1.GetPodRequest{}, "namespace", "name")
		s.mustNotList(&podsv1.ListPodsRequest{PageSize: -1, PageToken: "?"}, "page_size", "page_token")
		s.mustNotList(&podsv1.ListPodsRequest{Namespace: "test", PageSize: -1, PageToken: s.mustToken("shop")}, "page_size", "page_token")
	})
}

// Pods that come and go while somebody is half through the list.
func TestChange(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(s *stage)
	}{
		{"the last pod of the page is deleted", func(s *stage) { s.mustDelete("shop", "web-03", true) }},
		{"all pods of the page are deleted", func(s *stage) {
			for i := range 4 {
				s.mustDelete("shop", fmt.Sprintf("web-%02d", i), true)
			}
		}},
		{"the first pod is deleted", func(s *stage) { s.mustDelete("shop", "web-00", true) }},
		{"the next pod is deleted", func(s *stage) { s.mustDelete("shop", "web-04", true) }},
		{"all but the last are deleted", func(s *stage) {
			for i := range 8 {
				s.mustDelete("shop", fmt.Sprintf("web-%02d", i), true)
			}
		}},
		{"all are deleted", func(s *stage) {
			for i := range 9 {
				s.mustDelete("shop", fmt.Sprintf("web-%02d", i), true)
			}
		}},
		{"a pod comes that stands before all", func(s *stage) { s.put(small("shop", "a")) }},
		{"three such pods come", func(s *stage) { s.put(small("shop", "a"), small("shop", "b"), small("shop", "web-02a")) }},
		{"a pod comes right behind the page", func(s *stage) { s.put(small("shop", "web-03a")) }},
		{"a namespace comes that stands before", func(s *stage) { s.put(some("a", 5)...) }},
		{"the last pod of the page is put again", func(s *stage) { s.put(small("shop", "web-03")) }},
		{"it is deleted, and put again", func(s *stage) {
			s.mustDelete("shop", "web-03", true)
			s.put(small("shop", "web-03"))
		}},
		{"all are put again, from the last to the first", func(s *stage) {
			all := some("shop", 9)
			slices.Reverse(all)
			s.put(all...)
		}},
	} {
		for _, namespace := range []string{"shop", ""} {
			t.Run(fmt.Sprintf("%s, namespace %q", tt.why, namespace), func(t *testing.T) {
				bubble.Run(t, 12, func(b *bubble.B) {
					s := start(b)
					s.put(some("shop", 9)...)
					s.mustSurvive(namespace, func() { tt.change(s) })
				})
			})
		}
	}
	t.Run("whatever happens", anyChange)
}

// anyChange draws what happens between pages, and calls the methods themselves.
func anyChange(t *testing.T) {
	rule.New(t, 12).Property(func(rt *rapid.T, r *rule.R) {
		s := &store{R: r, pods: map[string]*podsv1.Pod{}}
		name := rapid.StringMatching(`[a-c]{1,3}`)
		namespace := rapid.SampledFrom([]string{"a", "b"})
		for range rapid.IntRange(1, 15).Draw(rt, "pods") {
			s.put(namespace.Draw(rt, "namespace"), name.Draw(rt, "name"))
		}
		of := rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "list of")
		req := &podsv1.ListPodsRequest{Namespace: of, PageSize: int32(rapid.IntRange(1, 4).Draw(rt, "page_size"))}
		always := maps.Clone(s.pods) // there all along
		var got []string
		for range 100 {
			resp := s.mustList(req)
			got = append(got, names(resp.GetPods())...)
			if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
				break
			}
			for range rapid.IntRange(0, 3).Draw(rt, "changes") {
				ns, n := namespace.Draw(rt, "namespace"), name.Draw(rt, "name")
				if rapid.Bool().Draw(rt, "delete") {
					s.delete(ns, n)
					delete(always, ns+"/"+n)
				} else {
					s.put(ns, n)
				}
			}
		}
		maps.DeleteFunc(always, func(_ string, pod *podsv1.Pod) bool { return of != "" && pod.Namespace != of })
		if text := wrong(got, slices.Sorted(maps.Keys(always)), req); text != "" {
			r.Errorf("%s\n\n%s", text, strings.Join(s.told, "\n"))
		}
	})
}

// Pods that are large (grpc-go #3134).
func TestBytes(t *testing.T) {
	const kib = 1 << 10
	for _, tt := range []struct {
		why   string
		sizes []int // of the pods, in bytes
	}{
		{"many of 100 KiB", slices.Repeat([]int{100 * kib}, 60)},
		{"a few of 1 MiB", slices.Repeat([]int{1024 * kib}, 7)},
		{"one of 3 MiB among smaller ones", []int{100 * kib, 600 * kib, 3072 * kib, 600 * kib, 100 * kib, 1024 * kib}},
		{"one after the other that fills a page by itself", []int{4090 * kib, 4090 * kib, kib, kib}},
		{"500 that have 4 MiB only with the tag and the length before each", slices.Repeat([]int{8387}, 510)},
		{"two that leave two bytes, which is too little for a token", []int{2<<20 - 5, 2<<20 - 5, kib}},
		{"one above 4 MiB, which only clients take that are told to", []int{kib, kib, 5000 * kib, kib, kib}},
		{"the first and the last above 4 MiB", []int{5000 * kib, kib, 5000 * kib}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				s := start(b)
				pods := some("shop", len(tt.sizes))
				for i, size := range tt.sizes {
					fatten(pods[i], size)
				}
				s.put(pods...)
				s.mustFit(500, pods)
			})
		})
	}
	for _, tt := range []struct {
		why    string
		fatten func(pod *podsv1.Pod)
	}{
		{"fields that a newer client sent", func(pod *podsv1.Pod) {
			pod.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1000, protowire.BytesType), make([]byte, 100*kib)))
		}},
		{"letters of two bytes", func(pod *podsv1.Pod) { pod.Node = strings.Repeat("é", 50*kib) }},
	} {
		t.Run("many of 100 KiB, in "+tt.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				s := start(b)
				pods := some("shop", 60)
				for _, pod := range pods {
					tt.fatten(pod)
				}
				s.put(pods...)
				s.mustFit(500, pods)
			})
		})
	}
	t.Run("two that are a few bytes too large, with their token", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b)
			pods := long(3)
			s.put(pods...)
			page := s.listPods(s.Context(), &podsv1.ListPodsRequest{Namespace: pods[0].Namespace, PageSize: 2})
			for _, more := range []int{1, 3, 5, 7} {
				fatten(pods[0], list.MaxPageBytes-64*kib)
				page.Pods = pods[:2]
				fatten(pods[0], proto.Size(pods[0])+list.MaxPageBytes+more-proto.Size(page))
				s.put(pods[0])
				s.mustFit(2, pods)
				s.mustFit(500, pods)
			}
		})
	})
}

// Messages that their owners change afterwards (protobuf, proto.Clone).
func TestOwn(t *testing.T) {
	spoil := func(pod *podsv1.Pod) {
		pod.Node, pod.Version, pod.Phase = "spoilt", 0, podsv1.Phase_PHASE_FAILED
		pod.Labels["app"] = "spoilt"
		pod.Labels["new"] = "spoilt"
		pod.CreateTime.Seconds++
		if unknown := pod.ProtoReflect().GetUnknown(); len(unknown) > 0 {
			unknown[len(unknown)-1]++
		}
	}
	for _, tt := range []struct {
		why    string
		change func(s *stage)
	}{
		{"what Put was given", nil},
		{"what GetPod returned", func(s *stage) { spoil(s.get("shop", "web-0").GetPod()) }},
		{"what ListPods returned", func(s *stage) { spoil(s.listed(&podsv1.ListPodsRequest{PageSize: 100})) }},
		{"what ListPods returned of one namespace", func(s *stage) { spoil(s.listed(&podsv1.ListPodsRequest{Namespace: "shop", PageSize: 1})) }},
		{"what ListPods returned on a second page", func(s *stage) {
			page := s.listPods(s.Context(), &podsv1.ListPodsRequest{})
			spoil(s.listed(&podsv1.ListPodsRequest{PageToken: page.GetNextPageToken()}))
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				s := start(b)
				s.put(some("a", 60)...)
				pod := full("shop", "web-0")
				s.Do(func() string { return "Put(shop/web-0)" }, func() { s.server.Put(pod) })
				s.link.Note("Put(shop/web-0)")
				before := s.get("shop", "web-0").GetPod()
				if tt.change == nil {
					spoil(pod)
				} else {
					tt.change(s)
				}
				s.link.Note("%s is changed: node, labels and so on", tt.why)
				want := full("shop", "web-0")
				for _, now := range []struct {
					who string
					pod *podsv1.Pod
				}{
					{"GetPod, called again, returns", s.get("shop", "web-0").GetPod()},
					{"ListPods, called again, returns", s.listed(&podsv1.ListPodsRequest{PageSize: 100})},
					{"what GetPod had returned before is", before},
				} {
					if !proto.Equal(now.pod, want) {
						s.Fatalf("%s was changed: node, labels and so on. After that,\n%s\n%s", upper(tt.why), now.who, unlike(now.pod, want))
					}
				}
			})
		})
	}
	t.Run("a response, and later calls", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b)
			s.put(small("shop", "web-0"), small("test", "web-0"))
			page := s.listPods(s.Context(), &podsv1.ListPodsRequest{Namespace: "shop"})
			s.listPods(s.Context(), &podsv1.ListPodsRequest{Namespace: "test"})
			if got, want := page.GetPods()[0], small("shop", "web-0"); !proto.Equal(got, want) {
				s.Fatalf("ListPods was called for shop, and then for test. After that,\nthe first call's response has another pod than before:\n%s", unlike(got, want))
			}
		})
	})
}

// Contexts that are done, before the call and within it (gRPC, status codes).
func TestContext(t *testing.T) {
	for _, tt := range []struct {
		why  string
		ctx  func(b *bubble.B) context.Context
		code codes.Code
	}{
		{"is cancelled before", func(b *bubble.B) context.Context {
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			return ctx
		}, codes.Canceled},
		{"is cancelled before, with a cause", func(b *bubble.B) context.Context {
			ctx, cancel := context.WithCancelCause(b.Context())
			cancel(errors.New("the client has gone"))
			return ctx
		}, codes.Canceled},
		{"has a deadline that has passed", func(b *bubble.B) context.Context {
			ctx, cancel := context.WithDeadline(b.Context(), time.Now().Add(-time.Second))
			b.Cleanup(cancel)
			return ctx
		}, codes.DeadlineExceeded},
		{"is cancelled while a page of 500 is made", func(b *bubble.B) context.Context { return endsAfter(b, 2, context.Canceled) }, codes.Canceled},
		{"is cancelled when most of it is made", func(b *bubble.B) context.Context { return endsAfter(b, 5, context.Canceled) }, codes.Canceled},
		{"has a deadline that passes meanwhile", func(b *bubble.B) context.Context { return endsAfter(b, 2, context.DeadlineExceeded) }, codes.DeadlineExceeded},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				s := start(b)
				s.put(some("shop", 501)...)
				for _, namespace := range []string{"shop", ""} {
					token := s.mustList(&podsv1.ListPodsRequest{Namespace: namespace, PageSize: 1}).GetNextPageToken()
					for _, token := range []string{"", token} {
						ctx := tt.ctx(b)
						s.mustStop(ctx, &podsv1.ListPodsRequest{Namespace: namespace, PageSize: 500, PageToken: token}, tt.code, tt.why)
						if _, counts := ctx.(*ending); !counts {
							s.mustStop(ctx, &podsv1.ListPodsRequest{Namespace: namespace, PageSize: 3, PageToken: token}, tt.code, tt.why)
						}
					}
				}
				s.mayStop(tt.ctx(b), &podsv1.GetPodRequest{Namespace: "shop", Name: "web-000"}, tt.code, tt.why)
			})
		})
	}
}

// Many calls at the same time, and over real connections (grpc-go, concurrency).
func TestMany(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			m := &crowd{server: new(list.Server)}
			for _, pod := range slices.Concat(some("shop", 40), many()) {
				m.server.Put(pod)
				b.Worked()
			}
			// On few or busy processors, more threads come in each other's way.
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
			begin := make(chan struct{})
			var calls []*bubble.Call
			for i := range 6 {
				calls = append(calls,
					b.Go(fmt.Sprintf("Put(…), Delete(…), GetPod(…) of writer %d", i+1), func() error {
						<-begin
						return m.write(b.Context(), i, b.Worked)
					}))
			}
			for i := range 2 {
				calls = append(calls,
					b.Go(fmt.Sprintf("ListPods(…) of reader %d", i+1), func() error {
						<-begin
						return m.read(b.Context(), func(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
							b.Worked()
							return m.server.ListPods(ctx, req)
						})
					}))
			}
			b.Wait()
			close(begin)
			for _, call := range calls {
				if err := call.Wait(); err != nil {
					b.Fatalf("%v", err)
				}
			}
			var got []string
			req := &podsv1.ListPodsRequest{PageSize: 500}
			b.Do(func() string { return "ListPods, for page after page of all pods" }, func() { got, _ = pages(b.Context(), req, m.server.ListPods) })
			if text := differ(got, names(slices.Concat(some("shop", 40), many()))); text != "" {
				b.Errorf("The list, once all are done who put and deleted pods of their own:\n%s", text)
			}
		})
	})
	t.Run("a pod is read while Put replaces it", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			server := new(list.Server)
			server.Put(changed(0))
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
			var done atomic.Bool
			change := b.Go("Put(…) of shop/web-0, again and again", func() error {
				for version := int64(1); !done.Load(); version++ {
					b.Worked()
					server.Put(changed(version))
				}
				return nil
			})
			look := b.Go("GetPod(…) and ListPods(…) of shop/web-0, meanwhile", func() error {
				defer done.Store(true)
				return look(b.Context(), server, b.Worked)
			})
			if err := look.Wait(); err != nil {
				b.Fatalf("%v", err)
			}
			change.Wait()
		})
	})
	t.Run("wrong requests", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			server := new(list.Server)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
			var calls []*bubble.Call
			for range 4 {
				calls = append(calls, b.Go("GetPod(…) and ListPods(…) with requests that are wrong", func() error { return ask(b.Context(), server, b.Worked) }))
			}
			for _, call := range calls {
				if err := call.Wait(); err != nil {
					b.Fatalf("%v", err)
				}
			}
		})
	})
	t.Run("over TCP", func(t *testing.T) {
		loopback.Run(t, 16, func(l *loopback.L) {
			m := &crowd{server: new(list.Server)}
			for _, pod := range some("shop", 40) {
				m.server.Put(pod)
			}
			client := overTCP(l, m.server)
			var calls []*loopback.Call
			for i := range 4 {
				calls = append(calls, l.Go(fmt.Sprintf("client %d", i), func() error {
					return m.read(l.Context(), func(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
						return client.ListPods(ctx, req)
					})
				}))
			}
			for i := range 40 {
				m.server.Put(full("shop", fmt.Sprintf("web-%02d", i)))
			}
			for _, call := range calls {
				if err := call.Wait(); err != nil {
					l.Fatalf("%v", err)
				}
			}
		})
	})
}

// stage is a server in a test, and a client of it.
type stage struct {
	*bubble.B
	link    *grpctest.Link
	server  *list.Server
	client  podsv1.PodServiceClient
	deleted map[string]bool // by namespace/name, also if put again
	asked   string          // the last call of ListPods
	about   string          // what is to be known of the token of a request; "" for nothing
}

func start(b *bubble.B) *stage {
	s := &stage{B: b, link: grpctest.New(b), server: new(list.Server), deleted: map[string]bool{}}
	srv := grpc.NewServer(grpc.UnaryInterceptor(s.watched))
	podsv1.RegisterPodServiceServer(srv, s.server)
	s.link.Serve(srv)
	s.client = podsv1.NewPodServiceClient(s.link.Dial("client"))
	return s
}

// watched has a handler's panic fail the test, which else would end the process.
func (s *stage) watched(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	name := info.FullMethod[strings.LastIndex(info.FullMethod, "/")+1:]
	call := s.Go(fmt.Sprintf("%s(ctx, %s)", name, text(req)), func() error {
		resp, err = handle(ctx, req)
		return nil
	})
	call.Wait()
	return resp, err
}

// put gives the server copies of the pods, all in one go.
func (s *stage) put(pods ...*podsv1.Pod) {
	s.T().Helper()
	what := "Put(" + brief(names(pods)) + ")"
	if len(pods) > 1 {
		what = "Put, for each of " + brief(names(pods))
	}
	s.link.Note("%s", what)
	s.Do(func() string { return what }, func() {
		for _, pod := range pods {
			s.server.Put(proto.CloneOf(pod))
		}
	})
}

// putThree puts seven pods of namespace shop, and some of others around it, and
// returns all in their order.
func (s *stage) putThree() []*podsv1.Pod {
	s.T().Helper()
	all := slices.Concat(some("jobs", 3), some("shop", 7), some("test", 4))
	s.put(mixed(all)...)
	return all
}

func (s *stage) mustDelete(namespace, name string, want bool) {
	s.T().Helper()
	call := fmt.Sprintf("Delete(%q, %q)", namespace, name)
	var got bool
	s.Do(func() string { return call }, func() { got = s.server.Delete(namespace, name) })
	s.link.Note("%s = %v", call, got)
	s.deleted[namespace+"/"+name] = true
	if got != want {
		s.Fatalf("%s = %v\nwant %v", call, got, want)
	}
}

// mustGet wants a client to be answered with that pod.
func (s *stage) mustGet(want *podsv1.Pod) {
	s.T().Helper()
	req := &podsv1.GetPodRequest{Namespace: want.GetNamespace(), Name: want.GetName()}
	resp, err := s.client.GetPod(s.Context(), req)
	if err != nil {
		s.Fatalf("GetPod %s: %s\nwant the pod that Put was given:\n%s", text(req), grpctest.Status(err), grpctest.Text(want))
	}
	if !proto.Equal(resp.GetPod(), want) {
		s.Fatalf("GetPod %s\n%s", text(req), unlike(resp.GetPod(), want))
	}
}

// mustNotFind wants a client to be told that there is no such pod.
func (s *stage) mustNotFind(namespace, name string) {
	s.T().Helper()
	req := &podsv1.GetPodRequest{Namespace: namespace, Name: name}
	resp, err := s.client.GetPod(s.Context(), req)
	got := grpctest.Status(err)
	if err == nil {
		got = grpctest.Text(resp)
	}
	if status.Code(err) != codes.NotFound {
		s.Fatalf("GetPod %s\ngot   %s\nwant  NotFound: there is no such pod", text(req), got)
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ResourceInfo); ok && info.GetResourceName() == namespace+"/"+name && info.GetResourceType() != "" {
			return
		}
	}
	s.Fatalf("GetPod %s\ngot   %s\nwant  with it, a ResourceInfo with some resource_type, and resource_name %q", text(req), got, namespace+"/"+name)
}

// mustNotGet wants a client to be told that those fields are wrong.
func (s *stage) mustNotGet(req *podsv1.GetPodRequest, fields ...string) {
	s.T().Helper()
	resp, err := s.client.GetPod(s.Context(), req)
	s.mustName(fmt.Sprintf("GetPod %s", text(req)), grpctest.Text(resp), err, fields)
}

// mustNotList is the same for ListPods.
func (s *stage) mustNotList(req *podsv1.ListPodsRequest, fields ...string) {
	s.T().Helper()
	resp, err := s.client.ListPods(s.Context(), req)
	s.mustName(fmt.Sprintf("ListPods %s%s", text(req), s.about), answer(resp), err, fields)
}

// mustName wants err to be InvalidArgument with a violation of each field.
func (s *stage) mustName(call, resp string, err error, fields []string) {
	s.T().Helper()
	if err == nil {
		s.Fatalf("%s\ngot   OK: %s\nwant  InvalidArgument, with a violation of %s", call, resp, strings.Join(fields, " and of "))
	}
	if status.Code(err) != codes.InvalidArgument {
		s.Fatalf("%s\ngot   %s\nwant  InvalidArgument, with a violation of %s", call, grpctest.Status(err), strings.Join(fields, " and of "))
	}
	var got []string
	seen := 0
	for _, d := range status.Convert(err).Details() {
		bad, ok := d.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		if seen++; seen > 1 {
			s.Fatalf("%s\ngot   %s\nwant  one BadRequest, with all violations", call, grpctest.Status(err))
		}
		for _, v := range bad.GetFieldViolations() {
			if v.GetDescription() == "" {
				s.Fatalf("%s\ngot   %s\nwant  a description in each violation", call, grpctest.Status(err))
			}
			got = append(got, v.GetField())
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(fields))) {
		s.Fatalf("%s\ngot   %s\nwant  with it, a BadRequest with one violation of %s, and no other", call, grpctest.Status(err), strings.Join(fields, ", and one of "))
	}
}

// mustList wants a client to be answered.
func (s *stage) mustList(req *podsv1.ListPodsRequest) *podsv1.ListPodsResponse {
	s.T().Helper()
	s.asked = "ListPods " + text(req)
	resp, err := s.client.ListPods(s.Context(), req)
	if err != nil {
		s.Fatalf("ListPods %s: %s\nwant pods, or none", text(req), grpctest.Status(err))
	}
	return resp
}

// mustHave wants those pods; which they are, what says.
func (s *stage) mustHave(got, want []*podsv1.Pod, what string) {
	s.T().Helper()
	if text := differ(names(got), names(want)); text != "" {
		s.Fatalf("%s\n%s\nWanted are %s.", s.asked, text, what)
	}
	for i := range want {
		if !proto.Equal(got[i], want[i]) {
			s.Fatalf("%s\nA pod of the list is not what Put was given.\n%s", s.asked, unlike(got[i], want[i]))
		}
	}
}

// mustCount wants so many pods of a page.
func (s *stage) mustCount(req *podsv1.ListPodsRequest, resp *podsv1.ListPodsResponse, want int) {
	s.T().Helper()
	if len(resp.GetPods()) != want {
		s.Fatalf("ListPods %s\ngot   %s\nwant  %d pods, for the namespace has 620", text(req), answer(resp), want)
	}
}

// mustToken returns the token of a first page of a list.
func (s *stage) mustToken(namespace string) string {
	s.T().Helper()
	req := &podsv1.ListPodsRequest{Namespace: namespace, PageSize: 2}
	resp := s.mustList(req)
	if resp.GetNextPageToken() == "" {
		s.Fatalf("ListPods %s\ngot   %s\nwant  a next_page_token, for there are more pods", text(req), answer(resp))
	}
	return resp.GetNextPageToken()
}

// mustWalk wants full pages until all pods have come. Whether a token comes with
// the last, it does not look at.
func (s *stage) mustWalk(namespace string, size int, want []*podsv1.Pod) {
	s.T().Helper()
	req := &podsv1.ListPodsRequest{Namespace: namespace, PageSize: int32(size)}
	for rest := want; ; {
		resp := s.mustList(req)
		n := min(size, len(rest))
		s.mustHave(resp.GetPods(), rest[:n], fmt.Sprintf("the next %d of %d", n, len(want)))
		if rest = rest[n:]; len(rest) == 0 {
			return
		}
		if resp.GetNextPageToken() == "" {
			s.Fatalf("ListPods %s\ngot   %s\nwant  a next_page_token, for there are %d pods more: %s", text(req), answer(resp), len(rest), brief(names(rest)))
		}
		req.PageToken = resp.GetNextPageToken()
	}
}

// mustEnd wants so many pods, and no token with them.
func (s *stage) mustEnd(req *podsv1.ListPodsRequest, n int) {
	s.T().Helper()
	resp := s.mustList(req)
	if resp.GetNextPageToken() != "" || len(resp.GetPods()) != n {
		s.Fatalf("ListPods %s\ngot   %s\nwant  %d pods, and no next_page_token, for there are no more of this list", text(req), answer(resp), n)
	}
}

// mustSurvive reads a list of web-00 to web-08 by four, and has something change
// after the first page.
func (s *stage) mustSurvive(namespace string, change func()) {
	s.T().Helper()
	req := &podsv1.ListPodsRequest{Namespace: namespace, PageSize: 4}
	resp := s.mustList(req)
	got := names(resp.GetPods())
	change()
	for range 20 {
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
		resp = s.mustList(req)
		got = append(got, names(resp.GetPods())...)
	}
	always := slices.DeleteFunc(names(some("shop", 9)), func(name string) bool { return s.deleted[name] })
	if text := wrong(got, always, req); text != "" {
		s.Fatalf("%s", text)
	}
}

// mustFit wants pages of at most 4 MiB, by way of the method itself: a client
// would take no more.
func (s *stage) mustFit(pageSize int32, want []*podsv1.Pod) {
	s.T().Helper()
	req := &podsv1.ListPodsRequest{Namespace: want[0].Namespace, PageSize: pageSize}
	var got []*podsv1.Pod
	for range want {
		resp := s.listPods(s.Context(), req)
		got = append(got, resp.GetPods()...)
		size := proto.Size(resp)
		s.link.Note("ListPods: %d pods, %d bytes", len(resp.GetPods()), size)
		if len(resp.GetPods()) == 0 {
			s.Fatalf("A page has no pods, although %d are still to come.\nWant one at least, however large it is.", len(want)-len(got))
		}
		if size > list.MaxPageBytes && len(resp.GetPods()) > 1 {
			s.Fatalf("A page has %d bytes, with %d pods.\nWant %d at most, for clients take no more: they say ResourceExhausted.\nOnly one pod that has more than that comes all the same, alone.", size, len(resp.GetPods()), list.MaxPageBytes)
		}
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if text := differ(names(got), names(want)); text != "" {
		s.Fatalf("%s\nThe pods wanted are all of the list, on pages of at most 4 MiB.", text)
	}
	if req.PageToken != "" {
		s.Fatalf("A page has a next_page_token, and no pods follow: all %d have come.", len(want))
	}
}

// get calls the method itself, as code of the same process does.
func (s *stage) get(namespace, name string) *podsv1.GetPodResponse {
	s.T().Helper()
	req := &podsv1.GetPodRequest{Namespace: namespace, Name: name}
	var resp *podsv1.GetPodResponse
	var err error
	s.Do(func() string { return fmt.Sprintf("GetPod(ctx, %s)", text(req)) }, func() { resp, err = s.server.GetPod(s.Context(), req) })
	if err != nil {
		s.Fatalf("GetPod(ctx, %s): %s\nwant the pod that Put was given", text(req), grpctest.Status(err))
	}
	return resp
}

// listPods does, too.
func (s *stage) listPods(ctx context.Context, req *podsv1.ListPodsRequest) *podsv1.ListPodsResponse {
	s.T().Helper()
	var resp *podsv1.ListPodsResponse
	var err error
	s.Do(func() string { return fmt.Sprintf("ListPods(ctx, %s)", text(req)) }, func() { resp, err = s.server.ListPods(ctx, req) })
	if err != nil {
		s.Fatalf("ListPods(ctx, %s): %s\nwant pods", text(req), grpctest.Status(err))
	}
	if len(resp.GetPods()) == 0 {
		s.Fatalf("ListPods(ctx, %s) returned no pods\nwant some", text(req))
	}
	return resp
}

// mustStop wants ListPods to end with that code.
func (s *stage) mustStop(ctx context.Context, req *podsv1.ListPodsRequest, code codes.Code, why string) {
	s.T().Helper()
	call := fmt.Sprintf("ListPods(ctx, %s), its context %s", text(req), why)
	var resp *podsv1.ListPodsResponse
	var err error
	s.Do(func() string { return call }, func() { resp, err = s.server.ListPods(ctx, req) })
	c, counts := ctx.(*ending)
	if err == nil {
		looks := ""
		if counts {
			looks = fmt.Sprintf("\nIt called ctx.Err or ctx.Done %s. Want one call at least for each hundred pods.\n(A channel that Done has returned, and that is kept, does not count: whether\nit is looked at, cannot be seen. Call ctx.Done again, or ctx.Err.)", times(c.seen()))
		}
		s.Fatalf("%s\ngot   OK: %s\nwant  %v%s", call, answer(resp), code, looks)
	}
	s.mustBe(call, err, code)
	if counts && c.seen() > c.after+100 {
		s.Fatalf("%s\ngot   %v, but late: when it called ctx.Err or ctx.Done for the %s time,\n      ctx was done, and it went on, and called them %s more\nwant  %v as soon as that shows", call, code, nth(c.after), times(c.seen()-c.after), code)
	}
}

// mayStop wants GetPod to end with that code, or without any.
func (s *stage) mayStop(ctx context.Context, req *podsv1.GetPodRequest, code codes.Code, why string) {
	s.T().Helper()
	call := fmt.Sprintf("GetPod(ctx, %s), its context %s", text(req), why)
	var err error
	s.Do(func() string { return call }, func() { _, err = s.server.GetPod(ctx, req) })
	if err != nil {
		s.mustBe(call, err, code)
	}
}

// listed returns shop/web-0 of a page, which has it last.
func (s *stage) listed(req *podsv1.ListPodsRequest) *podsv1.Pod {
	s.T().Helper()
	pods := s.listPods(s.Context(), req).GetPods()
	last := pods[len(pods)-1]
	if last.GetNamespace() != "shop" {
		s.Fatalf("ListPods(ctx, %s) returned %s\nwant shop/web-0 as the last", text(req), brief(names(pods)))
	}
	return last
}

func (s *stage) mustBe(call string, err error, code codes.Code) {
	s.T().Helper()
	if _, ok := status.FromError(err); !ok {
		s.Fatalf("%s\ngot   %v, which is no status: a client reads Unknown\nwant  %v", call, err, code)
	}
	if status.Code(err) != code {
		s.Fatalf("%s\ngot   %s\nwant  %v", call, grpctest.Status(err), code)
	}
}

// ending is a context that ends when it is looked at for the n-th time.
type ending struct {
	context.Context
	why error

	mu    sync.Mutex
	after int
	looks int
	done  chan struct{}
}

// endsAfter returns one whose looks from the n-th on show that it is over.
func endsAfter(b *bubble.B, n int, why error) context.Context {
	return &ending{Context: b.Context(), why: why, after: n, done: make(chan struct{})}
}

func (c *ending) look() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looks++; c.looks == c.after {
		close(c.done)
	}
	return c.looks >= c.after
}

func (c *ending) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

func (c *ending) Done() <-chan struct{} {
	c.look()
	return c.done
}

func (c *ending) Err() error {
	if c.look() {
		return c.why
	}
	return nil
}

func (c *ending) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value hides that the context it is made from is one of package context, which
// would be asked in its place.
func (c *ending) Value(any) any { return nil }

// store is a server whose methods are called themselves, and what it has.
type store struct {
	*rule.R
	server list.Server
	pods   map[string]*podsv1.Pod // by namespace and name
	told   []string
}

func (s *store) put(namespace, name string) {
	pod := small(namespace, name)
	s.Do(func() string { return fmt.Sprintf("Put(%s/%s)", namespace, name) }, func() { s.server.Put(pod) })
	s.pods[namespace+"/"+name] = small(namespace, name)
	s.told = append(s.told, fmt.Sprintf("Put(%s/%s)", namespace, name))
}

func (s *store) delete(namespace, name string) {
	s.Do(func() string { return fmt.Sprintf("Delete(%q, %q)", namespace, name) }, func() { s.server.Delete(namespace, name) })
	delete(s.pods, namespace+"/"+name)
	s.told = append(s.told, fmt.Sprintf("Delete(%q, %q)", namespace, name))
}

func (s *store) mustList(req *podsv1.ListPodsRequest) *podsv1.ListPodsResponse {
	s.T().Helper()
	var resp *podsv1.ListPodsResponse
	var err error
	s.Do(func() string { return fmt.Sprintf("ListPods(ctx, %s)", text(req)) }, func() {
		resp, err = s.server.ListPods(context.Background(), req)
	})
	if err != nil {
		s.Fatalf("ListPods(ctx, %s): %s\nwant pods, or none\n\n%s", text(req), grpctest.Status(err), strings.Join(s.told, "\n"))
	}
	s.told = append(s.told, fmt.Sprintf("ListPods(ctx, %s) returned %s", text(req), brief(names(resp.GetPods()))))
	return resp
}

// crowd is a server with web-00 to web-39 of namespace shop, which stay, and
// many who use it.
type crowd struct{ server *list.Server }

// write puts pods of its own, deletes half of them, and looks which are there.
func (m *crowd) write(ctx context.Context, me int, worked func()) error {
	for round := range 20 {
		worked()
		namespace := []string{"shop", "test", "a"}[round%3]
		own := some(namespace, 20)
		for _, pod := range own {
			pod.Name = fmt.Sprintf("own-%d-%s", me, pod.Name)
			m.server.Put(pod)
		}
		for i, pod := range own {
			if i%2 == 1 && !m.server.Delete(pod.Namespace, pod.Name) {
				return fmt.Errorf("Delete(%q, %q) = false\nwant true: it was put just now, while others put and delete other pods", pod.Namespace, pod.Name)
			}
		}
		for i, pod := range own {
			resp, err := m.server.GetPod(ctx, &podsv1.GetPodRequest{Namespace: pod.Namespace, Name: pod.Name})
			switch {
			case i%2 == 0 && (err != nil || !proto.Equal(resp.GetPod(), pod)):
				return fmt.Errorf("GetPod of %s/%s, which was put while others put and delete other pods:\n%s %s\nwant the pod", pod.Namespace, pod.Name, grpctest.Status(err), text(resp))
			case i%2 == 1 && status.Code(err) != codes.NotFound:
				return fmt.Errorf("GetPod of %s/%s, which was deleted while others put and delete other pods:\n%s\nwant NotFound", pod.Namespace, pod.Name, grpctest.Status(err))
			}
		}
		for i, pod := range own {
			if i%2 == 0 && !m.server.Delete(pod.Namespace, pod.Name) {
				return fmt.Errorf("Delete(%q, %q) = false\nwant true: GetPod had it just now, while others put and delete other pods", pod.Namespace, pod.Name)
			}
		}
	}
	return nil
}

// changed is shop/web-0 in a version: the fields of one fit each other. It takes
// some time to copy: time for Put to come between, if nothing keeps it out.
func changed(version int64) *podsv1.Pod {
	pod := full("shop", "web-0")
	pod.Node, pod.Labels, pod.Version = fmt.Sprintf("node-%d", version), lots, version
	return pod
}

// lots are its labels. Nobody changes them.
var lots = func() map[string]string {
	all := map[string]string{}
	for i := range 1_000 {
		all[fmt.Sprint(i)] = "x"
	}
	return all
}()

// torn says what does not fit in a pod that changed has made, "" if all does.
func torn(pod *podsv1.Pod) string {
	node := fmt.Sprintf("node-%d", pod.GetVersion())
	if pod.GetNode() == node && pod.GetCreateTime() != nil && len(pod.GetLabels()) == len(lots) {
		return ""
	}
	return fmt.Sprintf("got   version:%d node:%q, with %d labels\nwant  version:%d node:%q, with %d labels, or another version and its node",
		pod.GetVersion(), pod.GetNode(), len(pod.GetLabels()), pod.GetVersion(), node, len(lots))
}

// look reads that pod again and again, and wants the fields to fit.
func look(ctx context.Context, server *list.Server, worked func()) error {
	for range 40 {
		worked()
		got, err := server.GetPod(ctx, &podsv1.GetPodRequest{Namespace: "shop", Name: "web-0"})
		if err != nil {
			return fmt.Errorf("GetPod of shop/web-0, which is put again meanwhile: %s\nwant the pod", grpctest.Status(err))
		}
		page, err := server.ListPods(ctx, &podsv1.ListPodsRequest{})
		if err != nil || len(page.GetPods()) != 1 {
			return fmt.Errorf("ListPods, while the only pod is put again: %s %s\nwant that pod", grpctest.Status(err), brief(names(page.GetPods())))
		}
		for _, pod := range []*podsv1.Pod{got.GetPod(), page.GetPods()[0]} {
			if text := torn(pod); text != "" {
				return fmt.Errorf("A pod was read while Put replaced it. It is partly the old one, partly the new:\n%s", text)
			}
		}
	}
	return nil
}

// ask asks what is wrong, again and again.
func ask(ctx context.Context, server *list.Server, worked func()) error {
	for range 20 {
		for _, tt := range []struct{ namespace, name, want string }{{"shop", "", "name"}, {"", "web-0", "namespace"}} {
			worked()
			_, err := server.GetPod(ctx, &podsv1.GetPodRequest{Namespace: tt.namespace, Name: tt.name})
			if got := violated(err); !slices.Equal(got, []string{tt.want}) {
				return fmt.Errorf("GetPod {namespace:%q name:%q}, while others ask what is wrong as well:\n%s\nwant InvalidArgument, with a violation of %s alone", tt.namespace, tt.name, grpctest.Status(err), tt.want)
			}
		}
		for _, req := range []*podsv1.ListPodsRequest{{PageSize: -1}, {PageToken: "?"}} {
			want := "page_size"
			if req.PageSize == 0 {
				want = "page_token"
			}
			if _, err := server.ListPods(ctx, req); !slices.Equal(violated(err), []string{want}) {
				return fmt.Errorf("ListPods %s, while others ask what is wrong as well:\n%s\nwant InvalidArgument, with a violation of %s alone", text(req), grpctest.Status(err), want)
			}
		}
	}
	return nil
}

// violated are the fields that an error names.
func violated(err error) (fields []string) {
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}

// read reads the list of namespace shop again and again.
func (m *crowd) read(ctx context.Context, listPods listPods) error {
	for range 5 {
		req := &podsv1.ListPodsRequest{Namespace: "shop", PageSize: 7}
		got, err := pages(ctx, req, listPods)
		if err != nil {
			return fmt.Errorf("ListPods %s, while others put and delete pods: %s\nwant pods", text(req), grpctest.Status(err))
		}
		if text := wrong(got, names(some("shop", 40)), req); text != "" {
			return fmt.Errorf("while others put and delete pods:\n%s", text)
		}
	}
	return nil
}

// listPods is the method of a server, or of a client.
type listPods func(context.Context, *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error)

// pages returns the names of all pods of a list, page after page, a hundred at
// most. If there is more, req then has the token for it.
func pages(ctx context.Context, req *podsv1.ListPodsRequest, listPods listPods) (got []string, err error) {
	for range 100 {
		resp, err := listPods(ctx, req)
		if err != nil {
			return got, err
		}
		got = append(got, names(resp.GetPods())...)
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	return got, nil
}

// overTCP serves on a port of this machine, and returns a client.
func overTCP(l *loopback.L, server *list.Server) podsv1.PodServiceClient {
	ln := l.Listen()
	srv := grpc.NewServer()
	podsv1.RegisterPodServiceServer(srv, server)
	serving := l.Go("the server", func() error { return srv.Serve(ln) })
	cc, err := grpc.NewClient("passthrough:///"+ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		l.Fatalf("grpc.NewClient: %v, which is a mistake of the test", err)
	}
	l.Cleanup(func() {
		cc.Close()
		srv.Stop()
		serving.Wait()
	})
	return podsv1.NewPodServiceClient(cc)
}

// madeUp are tokens that no server gives.
func madeUp() []string {
	tokens := []string{"x", "0", "1", "2", "50", "-1", " ", "?", "\x00", "null", "{}", "web-02", "shop/web-02", "shop\x00web-02", strings.Repeat("A", 4096)}
	for _, src := range []string{"", "{}", "null", "[]", `""`, "0", "2", "\x00", "hello"} {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} { // '+' and '/' do not come up
			tokens = append(tokens, e.EncodeToString([]byte(src)))
		}
		tokens = append(tokens, hex.EncodeToString([]byte(src)))
	}
	tokens = slices.DeleteFunc(tokens, func(token string) bool { return token == "" })
	slices.Sort(tokens)
	return slices.Compact(tokens)
}

// describe says what stands in a token that is base64 or hexadecimal.
func describe(token string) string {
	if src, err := hex.DecodeString(token); err == nil {
		return fmt.Sprintf("\n      (the token is %q in hexadecimal)", src)
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		if src, err := e.DecodeString(token); err == nil && utf8.Valid(src) {
			return fmt.Sprintf("\n      (the token is %q in base64)", src)
		}
	}
	return ""
}

// small is a pod with next to nothing in it.
func small(namespace, name string) *podsv1.Pod {
	return &podsv1.Pod{Namespace: namespace, Name: name, Phase: podsv1.Phase_PHASE_PENDING}
}

// full is a pod that has everything, and what a client with a newer .proto sends
// besides.
func full(namespace, name string) *podsv1.Pod {
	pod := &podsv1.Pod{
		Namespace:  namespace,
		Name:       name,
		Phase:      podsv1.Phase_PHASE_RUNNING,
		Node:       "node-3",
		Labels:     map[string]string{"app": "web", "tier": "front"},
		CreateTime: &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 5},
		Version:    7,
	}
	pod.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 42))
	return pod
}

// odd is a pod with what gets lost where fields are kept in other types.
func odd(namespace, name string) *podsv1.Pod {
	pod := small(namespace, name)
	pod.Phase = 99 // of a newer .proto
	pod.Labels = map[string]string{"": "no key", "no value": ""}
	pod.CreateTime = &timestamppb.Timestamp{} // 1970 is not the same as none
	pod.CreateTime.ProtoReflect().SetUnknown(full("", "").ProtoReflect().GetUnknown())
	return pod
}

// some are web-00, web-01 and so on of a namespace, in their order.
func some(namespace string, n int) []*podsv1.Pod {
	digits := 2
	if n > 100 {
		digits = 3
	}
	var pods []*podsv1.Pod
	for i := range n {
		pods = append(pods, small(namespace, fmt.Sprintf("web-%0*d", digits, i)))
	}
	return pods
}

// long are so many pods, in their order, whose namespace and names have 1 KiB.
func long(n int) []*podsv1.Pod {
	pods := some(strings.Repeat("n", 1<<10), n)
	for _, pod := range pods {
		pod.Name = strings.Repeat("x", 1<<10-len(pod.Name)) + pod.Name
	}
	return pods
}

// separators are pods of one namespace, in their order, with a character before,
// in and behind both their names that is used to join strings.
func separators() []*podsv1.Pod {
	const all = "\x00\t\n \"#%&+,-./:;=?@\\_|~"
	var pods []*podsv1.Pod
	for _, c := range strings.Split(all, "") {
		pods = append(pods, small(all, c+c+"web"+c+"0"+c))
	}
	return pods
}

// fatten gives the pod a label that makes it that large, in bytes.
func fatten(pod *podsv1.Pod, size int) {
	for n := size; proto.Size(pod) != size; n -= proto.Size(pod) - size {
		pod.Labels = map[string]string{"notes": strings.Repeat("x", n)}
	}
}

// many are so many pods, behind all others, that it takes some time to make room
// for one in a slice: time for others to come between, if nothing keeps them out.
func many() []*podsv1.Pod {
	pod := small("zoo", "")
	pods := make([]*podsv1.Pod, 4_000)
	for i := range pods {
		pods[i] = proto.CloneOf(pod)
		pods[i].Name = fmt.Sprintf("web-%04d", i)
	}
	return pods
}

// mixed are the same pods in another order, always the same.
func mixed(pods []*podsv1.Pod) []*podsv1.Pod {
	out := slices.Clone(pods)
	for i := range out {
		j := (i*7 + 3) % len(out)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// names are namespace/name of each pod, with what cannot be printed escaped, and
// in quotes where there are other slashes, or white space.
func names(pods []*podsv1.Pod) []string {
	var out []string
	for _, pod := range pods {
		if pod.GetNamespace()+pod.GetName() == "" {
			out = append(out, "(a pod without a name)")
			continue
		}
		namespace, name := shortened(pod.GetNamespace()), shortened(pod.GetName())
		if strings.ContainsAny(namespace+name, "/ \t\n") {
			out = append(out, fmt.Sprintf("%q/%q", namespace, name))
			continue
		}
		name = fmt.Sprintf("%q", namespace+"/"+name)
		out = append(out, name[1:len(name)-1])
	}
	return out
}

// shortened is a long name's first and last letters.
func shortened(name string) string {
	if len(name) <= 64 {
		return name
	}
	return name[:4] + "…" + name[len(name)-8:]
}

// brief shows a list of names in a few words.
func brief(names []string) string {
	switch n := len(names); {
	case n == 0:
		return "no pods"
	case n <= 6:
		return strings.Join(names, " ")
	default:
		return fmt.Sprintf("%d pods: %s %s … %s", n, names[0], names[1], names[n-1])
	}
}

// answer says what a page holds.
func answer(resp *podsv1.ListPodsResponse) string {
	text := brief(names(resp.GetPods()))
	if token := resp.GetNextPageToken(); token != "" {
		text += "\n      next_page_token:" + longValue.ReplaceAllStringFunc(fmt.Sprintf("%q", token), shorter)
	}
	return text
}

// differ says where a list is not as wanted, "" where it is.
func differ(got, want []string) string {
	if slices.Equal(got, want) {
		return ""
	}
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	text := fmt.Sprintf("got   %s\nwant  %s", brief(got), brief(want))
	switch {
	case i == len(got):
		text += fmt.Sprintf("\nIt ends after %s: %s is missing.", times0(i), want[i])
	case i == len(want):
		text += fmt.Sprintf("\nIt should end after %s: %s is too much.", times0(i), got[i])
	default:
		text += fmt.Sprintf("\nNumber %d is %s, want %s.", i+1, got[i], want[i])
	}
	return text
}

// unlike shows two pods, and each field in which they are not the same.
func unlike(got, want *podsv1.Pod) string {
	text := fmt.Sprintf("got   %s\nwant  %s", grpctest.Text(got), grpctest.Text(want))
	fields := want.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if g, w := only(got, fields.Get(i)), only(want, fields.Get(i)); !proto.Equal(g, w) {
			text += fmt.Sprintf("\nIn %s:\ngot   %s\nwant  %s", fields.Get(i).Name(), grpctest.Text(g), grpctest.Text(w))
		}
	}
	if want.GetPhase() > podsv1.Phase_PHASE_FAILED && got.GetPhase() != want.GetPhase() {
		text += fmt.Sprintf("\nPhase %d has no name in the .proto: it is one of a newer client.", want.GetPhase())
	}
	if !bytes.Equal(got.ProtoReflect().GetUnknown(), want.ProtoReflect().GetUnknown()) {
		text += "\nField 1000 is not in the .proto: a newer client sent it, and a newer one may ask\nfor it. Go's protobuf keeps it in the message, beside the fields that have a name."
	}
	return text
}

// only is a pod with that field of pod, and nothing else.
func only(pod *podsv1.Pod, field protoreflect.FieldDescriptor) *podsv1.Pod {
	one := new(podsv1.Pod)
	if pod.ProtoReflect().Has(field) {
		one.ProtoReflect().Set(field, pod.ProtoReflect().Get(field))
	}
	return one
}

// wrong says what is wrong with all pages of a list taken together, the last of
// which has brought the token that req has: those that were there all along come
// once, and the order is kept. It returns "" where nothing is.
func wrong(got, always []string, req *podsv1.ListPodsRequest) string {
	pages := "\nThe pages had: " + strings.Join(got, " ")
	for _, name := range always {
		if !slices.Contains(got, name) {
			return name + " is on no page, although it was there all the time." + pages
		}
	}
	for i := 1; i < len(got); i++ {
		if slices.Contains(got[:i], got[i]) {
			return got[i] + " came twice." + pages
		}
		if got[i] < got[i-1] {
			return fmt.Sprintf("%s came after %s, out of order.%s", got[i], got[i-1], pages)
		}
	}
	if req.GetPageToken() != "" {
		return fmt.Sprintf("After all these pages, there is still a next_page_token: %q%s", req.GetPageToken(), pages)
	}
	return ""
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func nth(n int) string {
	if n == 2 {
		return "2nd"
	}
	return fmt.Sprintf("%dth", n)
}

func times0(n int) string {
	if n == 1 {
		return "one pod"
	}
	return fmt.Sprintf("%d pods", n)
}

// text is a message in one line, in braces: {namespace:"shop"}.
func text(m any) string {
	if t := grpctest.Text(m); t != "{}" {
		return "{" + longValue.ReplaceAllStringFunc(t, shorter) + "}"
	}
	return "{}"
}

// longValue is one that nobody reads to its end.
var longValue = regexp.MustCompile(`"[^"\\]{200,}"`)

// shorter leaves the ends of it, and says how long it is.
func shorter(value string) string {
	return fmt.Sprintf(`%s … %d bytes … %s`, value[:16], len(value)-2, value[len(value)-16:])
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
