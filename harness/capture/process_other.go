//go:build !unix

package main

import "os/exec"

// unprivileged does nothing: the servers are to be had on Unix only.
func unprivileged(*exec.Cmd) error { return nil }

// terminate ends the process: there is no polite way.
func terminate(cmd *exec.Cmd) { cmd.Process.Kill() }

// kill ends the process.
func kill(cmd *exec.Cmd) { cmd.Process.Kill() }
