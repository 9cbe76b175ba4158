package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/policy"
)

// writeGenerated writes what is made from other files: the table of katas in
// README.md, from the index, and then katas/stubs.sum, from the katas' files.
func writeGenerated(out io.Writer, root string) error {
	h, err := policy.Open(root, policy.Everything)
	if err != nil {
		return err
	}
	file := filepath.Join(root, "README.md")
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	after, err := policy.FixTable(string(before), h)
	if err != nil {
		return fmt.Errorf("README.md: %w", err)
	}
	if after != string(before) {
		if err := os.WriteFile(file, []byte(after), 0o666); err != nil {
			return err
		}
		fmt.Fprintln(out, "README.md: wrote the table of katas")
	}
	return writeSums(out, h.Index)
}

func writeSums(out io.Writer, x course.Index) error {
	sums, err := course.TakeSums(x)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(filepath.Join(x.Root, "katas", "stubs.sum"))
	if err == nil && string(before) == string(sums.Bytes()) {
		return nil
	}
	if err := sums.Write(x.Root); err != nil {
		return err
	}
	fmt.Fprintf(out, "katas/stubs.sum: wrote the sums of %d files\n", len(sums))
	return nil
}
