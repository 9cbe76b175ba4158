package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestConfigurations(t *testing.T) {
	for id, s := range servers {
		set := settings{Dir: "/the/folder", Port: 12345, Upstream: 23456, Zones: s.zones}
		conf, err := s.configuration(set)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		want := []string{"/the/folder", "12345", "127.0.0.1"}
		if s.upstream != "" {
			want = append(want, "23456")
		}
		for _, z := range s.zones {
			want = append(want, fmt.Sprintf("%q", z.Name), z.File)
		}
		for _, w := range want {
			if !strings.Contains(string(conf), w) {
				t.Errorf("%s: no %s in\n%s", id, w, conf)
			}
		}
	}
}

func TestVersions(t *testing.T) {
	tests := []struct {
		program    program
		said, want string
	}{
		{named, "BIND 9.18.49-1~deb12u3-Debian (Extended Support Version) <id:>\n", "9.18.49-1~deb12u3-Debian"},
		{knotd, "knotd (Knot DNS), version 3.2.6\n", "3.2.6"},
		{nsd, "NSD version 4.6.1\nWritten by NLnet Labs.\n\nCopyright", "4.6.1"},
		{unbound, "Version 1.17.1\n\nConfigure line: --build=x86_64-linux-gnu", "1.17.1"},
		{dig, "DiG 9.18.49-1~deb12u3-Debian\n", "9.18.49-1~deb12u3-Debian"},
	}
	for _, tt := range tests {
		m := tt.program.version.FindStringSubmatch(tt.said)
		if m == nil || m[1] != tt.want {
			t.Errorf("%s: %q in %q, want %s", tt.program.name, m, tt.said, tt.want)
		}
	}
}

func TestNeededStartsWhatOthersAsk(t *testing.T) {
	got := needed([]capture{{server: "unbound"}, {server: "knot"}, {server: "nsd"}, {server: "knot"}})
	if want := []string{"nsd", "unbound", "knot"}; !slices.Equal(got, want) {
		t.Errorf("needed %v, want %v", got, want)
	}
}

func TestMissingProgramsAreNamedWithTheirPackages(t *testing.T) {
	look := func(name string) (string, error) {
		if name == "knotd" {
			return "/usr/sbin/knotd", nil
		}
		return "", errors.New("not found")
	}
	_, err := findPrograms([]string{"nsd", "root", "knot"}, look)
	if err == nil {
		t.Fatal("no error, though dig and nsd are missing")
	}
	if want := "not found: dig, nsd; on Debian and Ubuntu:\n  sudo apt-get install bind9-dnsutils nsd"; err.Error() != want {
		t.Errorf("error\n  %v\nwant\n  %s", err, want)
	}
	found, err := findPrograms([]string{"knot"}, func(name string) (string, error) { return "/bin/" + name, nil })
	if err != nil || len(found) != 2 || found["knotd"] != "/bin/knotd" || found["dig"] != "/bin/dig" {
		t.Errorf("found %v, %v: not dig and knotd", found, err)
	}
}
