package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fanout-operator/fanout/internal/compile"
	"github.com/fanout-operator/fanout/internal/schema"
	"github.com/fanout-operator/fanout/internal/testkit"
)

const good = `
apiVersion: fanout.dev/v1alpha1
kind: FanoutRoute
metadata: {name: orders, namespace: shop}
spec:
  backends:
  - {name: one, url: https://one.example.com/data}
`

const secretJSON = `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}}`

func routeJSON(name string) string {
	return `{"apiVersion": "fanout.dev/v1alpha1", "kind": "FanoutRoute", "metadata": {"name": "` + name + `", "namespace": "shop"},
 "spec": {"backends": [{"name": "one", "url": "https://one.example.com/data"}]}}`
}

// command runs fanoutctl to its end.
func command(t *testing.T, stdin string, args ...string) (out, errOut string, err error) {
	t.Helper()
	stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	root := New(strings.NewReader(stdin), stdout, stderr)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLintNamesFileObjectFieldAndFix(t *testing.T) {
	t.Parallel()
	edit := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	for name, row := range map[string]struct{ content, want string }{
		"good":                          {good, "1 routes, no faults\n"},
		"a rule":                        {edit("url: https://one.example.com/data", "url: 'https://u:p@one/'"), "f.yaml: FanoutRoute shop/orders: spec.backends[0].url: "},
		"another rule":                  {good + "  dispatch: {successPolicy: {type: Quorum, quorum: {count: 2}}}\n", "dispatch.successPolicy.quorum.count must not exceed the number of backends"},
		"what clears a screen":          {edit("name: orders", `name: "o\e[2Jx"`), "f.yaml: FanoutRoute shop/o[2Jx: metadata.name: "},
		"an unknown field":              {edit("name: one,", "name: one, urll: x,"), "f.yaml: FanoutRoute shop/orders: spec.backends[0].urll: "},
		"a wrong type":                  {edit("spec:", "spec:\n  listener: {port: eighty}"), "f.yaml: FanoutRoute shop/orders: spec.listener.port: "},
		"the compiler":                  {edit("https://one.example.com/data", "http://api.lab.svc/"), `spec.backends[0].url: Invalid value: "http://api.lab.svc/": must not name a Service or Pod of namespace "lab"`},
		"objects of JSON between lines": {secretJSON + "\n---\n" + routeJSON("orders") + "\n---\n" + routeJSON("other") + routeJSON("third") + "\n", "3 routes, no faults\n"},
		"JSON behind YAML":              {good + "---\n" + routeJSON("other"), "2 routes, no faults\n"},
		"a line behind JSON":            {routeJSON("orders") + "\n---\n", "1 routes, no faults\n"},
		"a double key":                  {edit("spec:", "spec:\n  proxy: {}\n  proxy: {}"), `f.yaml: FanoutRoute shop/orders: read YAML: `},
		"a double object":               {good + "---" + good, "f.yaml: FanoutRoute shop/orders: appears twice, first in "},
		"a version":                     {edit("v1alpha1", "v1"), "f.yaml: FanoutRoute shop/orders: apiVersion: must be fanout.dev/v1alpha1"},
		"no YAML":                       {"a: b: c", "f.yaml: not YAML or JSON: "},
		"no kind":                       {"a: b", "f.yaml: an object has no kind"},
		"a broken Secret":               {good + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: '%%'}\n", "f.yaml: Secret default/s: not a Secret"},
		"a schema": {edit("spec:", "spec:\n  validation: {jsonSchema: {inline: \"{\\n  'type': 1}\"}}"),
			"f.yaml: FanoutRoute shop/orders: spec.validation.jsonSchema.inline: Invalid value: line 2, column 3: it is no JSON"},
		"a schema in a ConfigMap": {schemaIn(edit, `{"type": "object"}`, "schema.json"), "1 routes, no faults\n"},
		"a broken ConfigMap": {schemaIn(edit, `{"type": "objekt"}`, "schema.json"),
			`f.yaml: FanoutRoute shop/orders: spec.validation.jsonSchema.configMapKeyRef: ConfigMap "schemas": key "schema.json": line 1, column 10: "/type" is no schema: `},
		"a broken OpenAPI document": {edit("spec:", "spec:\n  validation: {openAPI: {configMapKeyRef: {name: api, key: k}}}") +
			"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: api, namespace: shop}\ndata: {k: 'openapi: 2.0.0'}\n",
			`spec.validation.openAPI.configMapKeyRef: ConfigMap "api": key "k": line 1, column 10: "/openapi": openapi must be 3.0.x or 3.1.x, a text`},
		"servers of an OpenAPI document in a map": {edit("spec:", "spec:\n  validation: {openAPI: {configMapKeyRef: {name: api, key: k}}}") +
			"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: api, namespace: shop}\ndata: {k: '{openapi: 3.1.0, servers: {url: /v1}, paths: {/a: {get: {}}}}'}\n",
			`spec.validation.openAPI.configMapKeyRef: ConfigMap "api": key "k": line 1, column 27: "/servers": it must be a list`},
		"a ConfigMap without the key": {schemaIn(edit, "true", "other.json"), `spec.validation.jsonSchema.configMapKeyRef: ConfigMap "schemas" lacks the key "schema.json"`},
		"keys in a ConfigMap":         {keysIn(edit, `{"keys":[`+aKey+`]}`), "1 routes, no faults\n"},
		"keys that are none": {keysIn(edit, `[]`),
			`f.yaml: FanoutRoute shop/orders: spec.authentication.jwt[idp].jwks.configMapKeyRef: ConfigMap "keys": key "jwks.json": it is no JWK Set (RFC 7517, section 5)`},
		"keys of no use":           {keysIn(edit, `{"keys":[{"kty":"oct","k":"AAAA"}]}`), `ConfigMap "keys": key "jwks.json": none of its keys can be used`},
		"a ConfigMap that is none": {good + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {k: {a: b}}\n", "f.yaml: ConfigMap default/s: "},
		"a key that stands twice":  {good + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {k: a}\nbinaryData: {k: YQ==}\n", "f.yaml: ConfigMap default/s: data[k]: "},
		"a long name":              {edit("name: orders", "name: "+strings.Repeat("o", 51)), "metadata.name must be at most 50"},
		"nothing":                  {"", "no FanoutRoute found"},
		"JSON":                     {`{"apiVersion":"fanout.dev/v1alpha1","kind":"FanoutRoute","metadata":{"name":"a"},"spec":{"backends":[]}}`, "f.yaml: FanoutRoute default/a: spec.backends: "},
		"a list":                   {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: fanout.dev/v1alpha1, kind: FanoutRoute, metadata: {name: a}, spec: {}}", "f.yaml: FanoutRoute default/a: spec.backends: "},
		"other kinds":              {"apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---" + good, "1 routes, no faults\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := command(t, "", "lint", "-f", write(t, "f.yaml", row.content))
			if !strings.Contains(out, row.want) || (err == nil) != strings.Contains(out, "no faults") {
				t.Errorf("printed %q (%v), want %q in it", out, err, row.want)
			}
			if strings.Contains(out, "%%") {
				t.Error("the data of a Secret is printed")
			}
		})
	}
}

// aKey is a public key of an issuer.
const aKey = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

// keysIn is the route with the keys of an issuer in a ConfigMap, which is there, too.
func keysIn(edit func(from, to string) string, keys string) string {
	return edit("spec:", "spec:\n  authentication: {jwt: [{name: idp, audiences: [orders], jwks: {configMapKeyRef: {name: keys, key: jwks.json}}}]}") +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: keys, namespace: shop}\ndata:\n  jwks.json: '" + keys + "'\n"
}

// schemaIn is the route with a schema in a ConfigMap, which is there, too.
func schemaIn(edit func(from, to string) string, schema, key string) string {
	return edit("spec:", "spec:\n  validation: {jsonSchema: {configMapKeyRef: {name: schemas, key: schema.json}}}") +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: schemas, namespace: shop}\ndata:\n  " + key + ": '" + schema + "'\n"
}

func TestLintAsJSONAndFromStandardInput(t *testing.T) {
	t.Parallel()
	out, _, err := command(t, good, "lint", "-f", "-", "-o", "json")
	warning := `{"file":"-","kind":"FanoutRoute","namespace":"shop","name":"orders",` +
		`"message":"AcceptedUnauthenticated: anyone may call, since spec.authentication names no way to know callers"}`
	if err != nil || out != `{"routes":1,"faults":[],"warnings":[`+warning+"]}\n" {
		t.Errorf("printed %q (%v)", out, err)
	}
	out, _, err = command(t, "a: b", "lint", "-f", "-", "-o", "json")
	if err == nil || out != `{"routes":0,"faults":[{"file":"-","message":"an object has no kind"}]}`+"\n" {
		t.Errorf("printed %q (%v)", out, err)
	}
	if _, _, err := command(t, good, "lint", "-f", "-", "-o", "xml"); err == nil {
		t.Error("an unknown output was taken")
	}
	if _, _, err := command(t, "", "lint"); err == nil {
		t.Error("lint of nothing was taken")
	}
}

// H17: Helm writes 1000000 as 1e+06, which is an integer all the same.
func TestH17LintTakesIntegersAsHelmWritesThem(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"dispatch: {maxInFlight: 1e+03}": "1 routes, no faults\n", "listener: {port: 8.08e+03}": "1 routes, no faults\n",
		"dispatch: {maxInFlight: 1.5e+00}": "dispatch.maxInFlight",
	} {
		if out, _, _ := command(t, good+"  "+field+"\n", "lint", "-f", "-"); !strings.Contains(out, want) {
			t.Errorf("%s: printed %q, want %q in it", field, out, want)
		}
	}
}

// Q6: what kubectl takes, and what repositories have, is taken.
func TestQ6LintTakesWhatKubectlTakes(t *testing.T) {
	t.Parallel()
	backends := func(lines string) string {
		return "apiVersion: fanout.dev/v1alpha1\nkind: FanoutRoute\nmetadata: {name: orders}\nspec:\n  backends:\n" + lines
	}
	secret := "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  k: " + encryptedPrefix + "AES256_GCM,data:x,type:str]\n"
	const sops, left = "sops: {mac: 'ENC[x]', version: 3.9.0}\n", ": encrypted by SOPS and left out"
	for name, row := range map[string]struct{ content, out, errOut string }{
		"a merge key, and one that overrides it": {backends("  - &a {name: one, url: 'https://one.example.com/', timeout: 2s}\n  - {<<: *a, name: two}\n"), "1 routes, no faults\n", ""},
		"two merge keys":                         {backends("  - &a {name: one, url: 'https://one.example.com/'}\n  - &b {name: two, service: {name: b, port: 80}, timeout: 2s}\n  - {<<: [*b], name: three, timeout: 3s}\n"), "1 routes, no faults\n", ""},
		"a merge key that is not overridden":     {backends("  - &a {name: one, url: 'https://one.example.com/'}\n  - {<<: *a}\n"), "spec.backends[1]: Duplicate value", ""},
		"a double key beside a merge key":        {backends("  - &a {name: one, url: 'https://one.example.com/'}\n  - {<<: *a, name: two, name: three}\n"), `read YAML: line 7: key "name" appears twice`, ""},
		"a merge key of no mapping":              {backends("  - &a [name]\n  - {<<: *a, name: two}\n"), "not YAML or JSON", ""},
		"a Secret with merge keys":               {good + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {<<: {a: b, c: d}, c: e}\n", "1 routes, no faults\n", ""},
		"a Secret encrypted by SOPS":             {good + secret + sops, "1 routes, no faults\n", "note: f.yaml: Secret default/s" + left},
		"an object encrypted whole":              {good + "---\napiVersion: ENC[a]\nkind: ENC[b]\nmetadata:\n  name: ENC[c]\n" + sops, "1 routes, no faults\n", "note: f.yaml" + left},
		"a file that is no object":               {good + "---\ndata: ENC[a]\n" + sops, "1 routes, no faults\n", "note: f.yaml" + left},
		"a route that is called sops":            {good + "sops: {}\n", "f.yaml: FanoutRoute shop/orders: sops: ", ""},
		"generateName": {strings.Replace(good, "name: orders", "generateName: orders-", 1), "1 routes, no faults\n",
			"note: f.yaml: FanoutRoute shop/orders-00001: has generateName"},
		"generateName twice":    {strings.Replace(good+"---"+good, "name: orders", "generateName: orders-", 2), "2 routes, no faults\n", ""},
		"a long generateName":   {strings.Replace(good, "name: orders", "generateName: "+strings.Repeat("o", 46), 1), "metadata.name must be at most 50", ""},
		"generateName and name": {strings.Replace(good, "name: orders", "generateName: x-, name: orders", 1), "1 routes, no faults\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errOut, err := command(t, "", "lint", "-f", write(t, "f.yaml", row.content))
			errOut = regexp.MustCompile(`/\S*/`).ReplaceAllString(errOut, "")
			if !strings.Contains(out, row.out) || !strings.Contains(errOut, row.errOut) || (err == nil) != strings.Contains(out, "no faults") {
				t.Errorf("printed %q and %q (%v), want %q and %q in them", out, errOut, err, row.out, row.errOut)
			}
			if row.errOut == "" && strings.Contains(errOut, "SOPS") || strings.Contains(out+errOut, "AES256") {
				t.Errorf("printed %q and %q", out, errOut)
			}
		})
	}
}

// Q6: a folder may hold the rules of SOPS, and JSON tells notes apart from faults.
func TestQ6LintPassesOverSOPS(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(write(t, "route.yaml", good+"---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\ndata: {k: 'ENC[x]'}\nsops: {mac: 'ENC[y]'}\n"))
	if err := os.WriteFile(filepath.Join(dir, ".sops.yaml"), []byte("creation_rules: [{encrypted_regex: ^data$}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, err := command(t, "", "lint", "-f", dir, "-o", "json")
	want := `"notes":[{"file":"` + filepath.Join(dir, "route.yaml") + `","kind":"Secret","namespace":"shop","name":"s","message":"encrypted by SOPS`
	if err != nil || errOut != "" || !strings.Contains(out, `"faults":[],`) || !strings.Contains(out, want) {
		t.Errorf("printed %q and %q (%v), want no faults and %q", out, errOut, err, want)
	}
}

// R9: lint prints what the condition Accepted lists, in its order, and takes the route.
func TestR9LintPrintsTheRemarks(t *testing.T) {
	t.Parallel()
	content := good + "  proxy: {resources: {limits: {memory: 16Mi}}}\n"
	out, _, err := command(t, "", "lint", "-f", write(t, "f.yaml", content))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != 3 || lines[2] != "1 routes, no faults" {
		t.Fatalf("printed %q (%v)", out, err)
	}
	for i, reason := range []string{"MemoryLimitTooSmall: spec.proxy.resources.limits.memory is 16Mi", "AcceptedUnauthenticated: anyone may call"} {
		if !strings.HasPrefix(lines[i], "warning: ") || !strings.Contains(lines[i], "f.yaml: FanoutRoute shop/orders: "+reason) {
			t.Errorf("line %d is %q, want %q in it", i, lines[i], reason)
		}
	}
}

func TestSamplesAreWithoutFaults(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"samples", "samples/tracing"} {
		out, _, err := command(t, "", "lint", "-f", filepath.Join(testkit.Root(), "config", folder))
		if err != nil {
			t.Errorf("%s: printed %q (%v)", folder, out, err)
		}
	}
}

func FuzzManifests(f *testing.F) {
	f.Add(good)
	f.Add("a: b")
	f.Add("{}")
	f.Add("---\n---\n- a\n")
	f.Add(good + "---" + good)
	s, err := schema.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		m := readManifests(s, compile.Options{}, strings.NewReader(content), []string{"-"})
		if len(m.faults) == 0 && len(m.routes) == 0 {
			t.Error("neither a route nor a fault")
		}
	})
}
