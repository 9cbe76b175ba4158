package main

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// terminalWidth returns how many columns the console has, 0 when it is none.
func terminalWidth(io.Writer) int {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(os.Stdout.Fd()), &info); err != nil {
		return 0
	}
	return int(info.Window.Right-info.Window.Left) + 1
}
