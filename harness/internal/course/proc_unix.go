//go:build unix

package course

import (
	"os/exec"
	"syscall"
)

// group makes cmd the leader of a process group of its own, so that kill
// reaches what it starts.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// kill ends cmd and every process that it started.
func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
