#!/usr/bin/env bash
# libopenapi-validator refuses a parameter that may be of several types.
#
# OpenAPI 3.1 takes the types of JSON Schema, so that `type: [integer, string]` admits a text.
# In the query the validator asks each of the types to fit: a text is refused, since it is no
# integer, though the call is as the document says.
#
# Seen with libopenapi-validator v0.16.3 and libopenapi v0.42.5, go1.26.8, 2026-11-28.
# Needs Go 1.26. Fails when the output is another one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/pb33f/libopenapi v0.42.5
	github.com/pb33f/libopenapi-validator v0.16.3
)
MOD

cat > main.go <<'GO'
package main

import (
	"fmt"
	"net/http/httptest"
	"os"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

const document = `
openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /a:
    get:
      parameters:
      - {name: either, in: query, schema: {type: [integer, string]}}
      - {name: text, in: query, schema: {type: string}}
      responses: {"200": {description: ok}}
`

func main() {
	d, err := libopenapi.NewDocument([]byte(document))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	v, errs := validator.NewValidator(d)
	if len(errs) > 0 {
		fmt.Println(errs)
		os.Exit(1)
	}
	for _, target := range []string{"/a?either=1", "/a?either=word", "/a?text=word"} {
		admitted, _ := v.ValidateHttpRequestSync(httptest.NewRequest("GET", target, nil))
		fmt.Println(target, admitted)
	}
}
GO

go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
cat > want <<'WANT'
/a?either=1 true
/a?either=word false
/a?text=word true
WANT
go run . > got
cat got
diff want got
