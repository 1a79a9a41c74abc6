package v1alpha1_test

import (
	"fmt"
	"os"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/fanout-operator/fanout/internal/testkit/apiserver"
)

var config *rest.Config

func TestMain(m *testing.M) {
	c, stop, err := apiserver.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c.WarningHandler = rest.NoWarnings{}
	config = c
	code := m.Run()
	stop()
	os.Exit(code)
}
