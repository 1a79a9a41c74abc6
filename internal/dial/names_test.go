package dial

import (
	"os"
	"path/filepath"
	"testing"
)

// M1: no search list completes a name.
func TestM1NamesAreAbsolute(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"api.shop.svc":               "api.shop.svc.cluster.example.",
		"API.Shop.SVC":               "API.Shop.SVC.cluster.example.",
		"0.api.shop.svc":             "0.api.shop.svc.cluster.example.",
		"api.shop.svc.cluster.local": "api.shop.svc.cluster.local.",
		"api.lab":                    "api.lab.",
		"10-0-0-1.lab.pod":           "10-0-0-1.lab.pod.",
		"a.b.example.com":            "a.b.example.com.",
		"api":                        "api.",
		"notsvc":                     "notsvc.",
		"api.shop.svc.":              "api.shop.svc.",
		"intranet.":                  "intranet.",
		"localhost":                  "localhost",
		"LocalHost":                  "LocalHost",
		"10.0.0.1":                   "10.0.0.1",
		"fd00::1":                    "fd00::1",
		"fe80::1%eth0":               "fe80::1%eth0",
		"127.1":                      "127.1.",
	} {
		if got := absolute(host, "cluster.example"); got != want {
			t.Errorf("%s is looked up as %s, want %s", host, got, want)
		}
	}
	if got := absolute("api.shop.svc", ""); got != "api.shop.svc." {
		t.Errorf("without a cluster: %s", got)
	}
}

func TestM1ClusterDomain(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"nameserver 10.0.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local corp.example\noptions ndots:5\n": "cluster.local",
		"search svc.svc.cluster.local svc.cluster.local cluster.local":                                                        "cluster.local", // a namespace named svc
		"search shop.svc.K8s.Example. SVC.K8s.Example. k8s.example.":                                                          "k8s.example",
		"search old.svc.old svc.old old\nsearch corp.example\n":                                                               "",
		"search corp.example": "",
		"nameserver 1.1.1.1":  "", "search": "", "": "",
	} {
		name := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ClusterDomain(name); got != want {
			t.Errorf("%q has domain %q, want %q", content, got, want)
		}
	}
	if got := ClusterDomain(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Errorf("no file has domain %q", got)
	}
}
