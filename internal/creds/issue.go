package creds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fanout-operator/fanout/internal/routeconfig"
)

// maxAnswer bounds what a token endpoint may answer, in bytes.
const maxAnswer = 1 << 20

const unanswered = "token endpoint has not answered in time"

// request sends the client's secret, and judges the very one that it sends: the Secret may
// have changed since a call asked for a token, and renewals are nobody's call.
func (t *TokenSource) request(ctx context.Context, client *Snapshot) (token, error) {
	if fault := t.options.Client.ForbidsToken(client, t.host, t.port); fault != nil {
		return token{}, fault
	}
	workload, err := t.workload()
	if err != nil {
		return token{}, err
	}
	asked := time.Now()
	status, body, err := t.post(ctx, client, workload)
	if err != nil {
		return token{}, t.unreached(ctx, err)
	}
	if len(body) > maxAnswer {
		return token{}, &Fault{Text: fmt.Sprintf("token endpoint answered %d with more than 1 MiB", status)}
	}
	issued := parse(body)
	if fault := issued.fault(status); fault != "" {
		return token{}, &Fault{Text: fault}
	}
	if fault := t.exchanged(&issued); fault != "" {
		return token{}, &Fault{Text: fmt.Sprintf("token endpoint answered %d", status) + fault}
	}
	return token{
		Token:   Token{Value{issued.accessToken}, client, workload, new(atomic.Int32)},
		renewAt: asked.Add(issued.life - min(issued.life/10, maxMargin)),
		endsAt:  asked.Add(issued.life),
	}, nil
}

// post makes the request of RFC 6749, section 4.4.2, or of RFC 8693, section 2.1.
func (t *TokenSource) post(ctx context.Context, client, workload *Snapshot) (status int, body []byte, err error) {
	form := url.Values{}
	maps.Copy(form, t.options.Parameters)
	t.ask(form, client, workload)
	if len(t.options.Scopes) > 0 {
		form.Set("scope", strings.Join(t.options.Scopes, " "))
	}
	basic, err := t.prove(form, client, workload)
	if err != nil {
		return 0, nil, err // put into words of ours
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.options.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err // put into words of ours
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json, */*;q=0.5")
	if basic { // each is form-encoded first (RFC 6749, section 2.3.1)
		request.SetBasicAuth(url.QueryEscape(client.Value(clientID).secret), url.QueryEscape(client.Value(clientSecret).secret))
	}
	response, err := t.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols { // the connection itself, which no context ends
		return response.StatusCode, nil, nil
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	return response.StatusCode, body, err
}

// prove puts into a form what proves who asks, or says that it belongs into the header.
func (t *TokenSource) prove(form url.Values, client, workload *Snapshot) (basic bool, err error) {
	const kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	switch {
	case t.options.Federated:
		form.Set("client_assertion_type", kind)
		form.Set("client_assertion", workload.Value(routeconfig.TokenKey).secret)
	case t.options.Assertion != "":
		signed, err := assertion(client, t.options.Assertion, time.Now())
		if err != nil {
			return false, err
		}
		form.Set("client_assertion_type", kind)
		form.Set("client_assertion", signed)
	case t.options.Certified: // in the handshake, or not at all
	case t.options.Post:
		form.Set("client_secret", client.Value(clientSecret).secret)
	default:
		return true, nil
	}
	if id := client.Value(clientID).secret; id != "" {
		form.Set("client_id", id)
	}
	return false, nil
}

// unreached says why there was no answer. What the error says is dropped: it may hold
// bytes of the peer, and a port that is another one each time.
func (t *TokenSource) unreached(ctx context.Context, err error) *Fault {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return &Fault{Text: unanswered}
	}
	if fault, ok := errors.AsType[*Fault](err); ok { // of the certificate that the endpoint is shown
		return fault
	}
	text := "token endpoint cannot be asked"
	if t.options.Explain != nil {
		text += ": " + t.options.Explain(err)
	}
	return &Fault{Text: text}
}

// issued is what a token endpoint answers (RFC 6749, sections 5.1 and 5.2).
type issued struct {
	accessToken, tokenType string
	life                   time.Duration
	code                   string
	// issuedType is what was got in an exchange.
	issuedType string
}

// parse reads an answer by what it is, whatever its media type says: JSON is sent as text,
// text as JSON, and old endpoints answer with a form.
func parse(body []byte) issued {
	text := strings.TrimSpace(strings.TrimPrefix(string(body), "\ufeff"))
	if !strings.HasPrefix(text, "{") {
		form, _ := url.ParseQuery(text) // it has what could be read
		return issued{form.Get("access_token"), form.Get("token_type"), life(form.Get("expires_in")), form.Get("error"), form.Get("issued_token_type")}
	}
	answer := struct {
		AccessToken json.RawMessage `json:"access_token"`
		TokenType   json.RawMessage `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Error       json.RawMessage `json:"error"`
		IssuedType  json.RawMessage `json:"issued_token_type"`
	}{}
	_ = json.Unmarshal([]byte(text), &answer) // what is no JSON has none of them
	expires := quoted(answer.ExpiresIn)
	if expires == "" {
		expires = string(answer.ExpiresIn)
	}
	return issued{quoted(answer.AccessToken), quoted(answer.TokenType), life(expires), quoted(answer.Error), quoted(answer.IssuedType)}
}

// quoted is a JSON string, empty for anything else.
func quoted(raw json.RawMessage) (text string) {
	_ = json.Unmarshal(raw, &text)
	return text
}

// life reads how many seconds a token lives. What is no positive number is the default.
func life(text string) time.Duration {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || err == nil && math.IsInf(seconds, 0) || !(seconds > 0) {
		return defaultLife
	}
	return time.Duration(min(max(seconds, minLife.Seconds()), maxLife.Seconds()) * float64(time.Second))
}

// fault says why an answer is no token, or nothing. It keeps the status and a code that we
// know, and drops everything else: an endpoint may repeat there what it was sent.
func (i *issued) fault(status int) string {
	text := fmt.Sprintf("token endpoint answered %d", status)
	switch {
	case slices.Contains(codes(), i.code):
		return text + " " + i.code
	case status/100 == 3:
		return text + ": redirects are not followed"
	case status/100 != 2:
		return text
	case i.accessToken == "" && i.code != "":
		return text + " with an error"
	case i.accessToken == "":
		return text + " without an access_token that can be read"
	case field(i.accessToken) != "" || strings.ContainsFunc(i.accessToken, func(r rune) bool { return r > '~' }):
		return text + " with an access_token that cannot stand in a header field (RFC 6749, appendix A.12)"
	case slices.Contains(proofs(), strings.ToLower(i.tokenType)):
		return text + " with a token_type that is no Bearer (RFC 6749, section 7.1)"
	}
	return ""
}

// codes are those of RFC 6749, sections 5.2 and 4.1.2.1, and of RFC 8707.
func codes() []string {
	return []string{
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "server_error", "temporarily_unavailable", "invalid_target",
	}
}

// proofs are types of tokens that are worth nothing without a proof that we do not make,
// and that of what is no access token. All others are sent as Bearer: endpoints spell that
// in many ways, or leave it out.
func proofs() []string { return []string{"mac", "dpop", "pop", "n_a"} }
