package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// takes returns the check of a command's arguments, in our words: at least so
// many, and no more than so many; what says what the first one is. A most of -1
// is no limit.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch n := len(args); {
		case n < least:
			return fmt.Errorf("%s wants %s:\n  %s %s", c.Name(), what, self, c.Use)
		case most >= 0 && n > most:
			return fmt.Errorf("%s takes no more than %s, and got %q:\n  %s %s", c.Name(), what, strings.Join(args, " "), self, c.Use)
		}
		return nil
	}
}

var (
	noFlag   = regexp.MustCompile(`^unknown flag: (--\S+)$`)
	noLetter = regexp.MustCompile(`^unknown shorthand flag: '(.+)' in -`)
	noValue  = regexp.MustCompile(`^flag needs an argument: (?:'(.)' in -.*|--(\S+))$`)
	badValue = regexp.MustCompile(`^invalid argument "(.*)" for "(?:-., )?--(\S+)" flag: `)
)

// wants says what flags of a type want.
var wants = map[string]string{
	"bool":     "true or false",
	"duration": "a time, such as 30s or 2m",
	"int":      "a number",
	"uint64":   "a number from 1",
}

// flagError puts in plain words what is wrong with a flag.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	lists := fmt.Sprintf("%s -h lists its flags", c.CommandPath())
	if c.Name() == "serve" {
		lists = "those of the server itself come behind --, as in\n  " + self + " serve tcp/deadline -- -idle 5s"
	}
	if m := noFlag.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s has no flag %s: %s", c.Name(), m[1], lists)
	}
	if m := noLetter.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s has no flag -%s: %s", c.Name(), m[1], lists)
	}
	if m := noValue.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("--%s: want %s", m[2], wanted(c, m[2]))
	}
	if m := badValue.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("--%s %s: want %s", m[2], m[1], wanted(c, m[2]))
	}
	return errors.New(text)
}

// wanted says what a flag wants.
func wanted(c *cobra.Command, name string) string {
	if f := c.Flags().Lookup(name); f != nil && wants[f.Value.Type()] != "" {
		return wants[f.Value.Type()]
	}
	return "a value"
}
