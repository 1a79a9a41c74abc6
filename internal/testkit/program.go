package testkit

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"
)

// Run runs a program to its end, and returns its exit code and what it wrote.
func Run(t testing.TB, command *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return code, out.String(), errs.String()
}
