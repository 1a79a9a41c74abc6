package guard_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// forbidden are authorities as they may stand in a URL, all of which lead to addresses that
// nobody may reach, or nowhere. Whatever of them is asked of the name server leads there, too.
func forbidden() []string {
	return strings.Fields(`
		169.254.169.254 169.254.169.254. 169.254.169.254:8080 169.254.169.254.:80 169.254.169.254: 169.254.169.254:0080
		169.254.170.2 169.254.170.23 169.254.42.42 169.254.0.1
		2852039166 2852039166. 2852039166:80 0xa9fea9fe 0XA9FEA9FE 025177524776 0x00000000a9fea9fe
		169.16689662 169.254.43518 0xa9.16689662 0251.254.43518
		0251.0376.0251.0376 00000251.00000376.000251.0000376 169.254.169.0376 0251.254.169.254
		0xa9.0xfe.0xa9.0xfe 0xA9.0xFE.0xA9.0xFE. 0xA9.254.0251.254 0xa9.0376.43518 425.510.425.510 -169.254.169.254
		169.254.169.254.nip.io a9fea9fe.nip.io 169-254-169-254.sslip.io
		[::ffff:169.254.169.254] [::FFFF:A9FE:A9FE] [0:0:0:0:0:ffff:a9fe:a9fe] [0000:0000:0000:0000:0000:ffff:a9fe:a9fe] [::ffff:a9fe:a9fe]:8080
		[::169.254.169.254] [::a9fe:a9fe] [::ffff:0:169.254.169.254] [::ffff:0:a9fe:a9fe]
		[64:ff9b::169.254.169.254] [64:ff9b::a9fe:a9fe] [64:FF9B:0:0:0:0:A9FE:A9FE] [64:ff9b::7f00:1]
		[64:ff9b:1::a9fe:a9fe] [64:ff9b:1:a9fe:a9:fe00::] [64:ff9b:1:a9:fe:a9fe::] [64:ff9b:1:0:a9:fea9:fe00:0] [64:ff9b:1::169.254.169.254]
		[2002:a9fe:a9fe::] [2002:a9fe:a9fe::1] [2002:A9FE:A9FE:1::1] [2002:7f00:1::1] [2002:6464:64c8::1]
		[2001:0:a9fe:a9fe::1] [2001::5601:5601] [2001:0000:4136:e378:8000:63bf:3fff:fdd2]
		[2001:db8::5efe:a9fe:a9fe] [fd00::200:5efe:169.254.169.254]
		[fe80::a9fe:a9fe%25lo] [fe80::1%25lo] [fe80::1] [febf::1] [::ffff:169.254.169.254%25lo] [fd00:ec2::254%25lo]
		[fd00:ec2::254] [FD00:0EC2:0:0:0:0:0:0254] [fd00:ec2::0.0.2.84] [fd00:ec2::23] [fd20:ce::254] [fd00:c1::a9fe:a9fe] [fd00:42::42] [fd00:100::100:200]
		100.100.100.200 0x646464c8 1684301000 0144.0144.0144.0310 [::ffff:100.100.100.200] [64:ff9b::6464:64c8]
		168.63.129.16 192.0.0.192
		127.0.0.1 127.1 127.0.1 127.8.8.8 0x7f.1 0x7f000001 2130706433 017700000001 0177.0.0.1 127.000.000.001
		localhost LOCALHOST localhost. localhost:8080 foo.localhost localhost.localdomain ip6-localhost
		[::1] [0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::127.0.0.1] [::ffff:7f00:1]
		0 0.0.0.0 0.0 0x0 0.1.2.3 [::] [::ffff:0.0.0.0] [::0.0.0.0]
		224.0.0.1 240.0.0.1 255.255.255.255 [ff02::1] [ff0e::1]
		10.96.0.1 [::ffff:10.96.0.1] [64:ff9b::a60:1] kubernetes.default.svc kubernetes.default.svc.cluster.local. kubernetes.shop.svc
		metadata.google.internal metadata.google.internal. METADATA.Google.Internal metadata instance-data.example
		chain.example CHAIN.example. loop.example mapped.example embedded.example six.forbidden.example none.example
		169.254.169.254@169.254.169.254 a.example@169.254.169.254 a.example:80@169.254.169.254:80 a.example%40169.254.169.254 10.0.0.1%2f@169.254.169.254
		a.example\@169.254.169.254 a.example#@169.254.169.254 a.example?@169.254.169.254 169.254.169.254#.a.example 169.254.169.254?.a.example 169.254.169.254\.a.example
		169。254。169。254 169．254．169．254 169｡254｡169｡254 １６９.２５４.１６９.２５４ ①⑥⑨.②⑤④.①⑥⑨.②⑤④ ①⑥⑨。②⑤④。①⑥⑨。②⑤④ metadata。google。internal ⓜetadata.google.internal
		xn--metadata-.google.internal lоcalhost ｌｏｃａｌｈｏｓｔ
		%31%36%39.254.169.254 169%2e254%2e169%2e254 169%2E254.169.254 %6c%6f%63%61%6c%68%6f%73%74 169.254.169.254%00.example 169.254.169.254%20 169.254.169.254%0d%0a %5b%3a%3a1%5d [%3a%3a1] 169.254.169.254%e3%80%82
		[169.254.169.254] [localhost] [2852039166] [::ffff:169.254.169.254]. [::1].example [::1]x
		169.254.169.254:65616 169.254.169.254:80:80 169.254.169.254:+80 169.254.169.254:0x50 :80 : @ a.example@ [] []:80 . .. %00`)
}

// legitimate are authorities that are no less odd, and must be reached.
func legitimate() []string {
	return strings.Fields(`
		10.0.0.1 10.0.0.1:8080 192.168.1.1 172.16.0.1 100.64.0.1 198.18.0.1 1.1.1.1 10.96.0.2
		[fd12:3456::1] [fd12:3456::1]:8080 [FD12:3456:0:0::1] [2606:4700::1111] [64:ff9b::101:101] [64:ff9b:1::a00:1] [::ffff:10.0.0.1]
		api.shop.svc api.shop.svc:8080 API.Shop.SVC api.shop.svc.cluster.local api.shop.svc.cluster.local.
		a.example a.example. A.Example:8080 six.example good.chain.example xn--bcher-kva.example`)
}

// places are the addresses that may be reached.
func places() []netip.Addr {
	var list []netip.Addr
	for text := range strings.FieldsSeq("10.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 198.18.0.1 1.1.1.1 10.96.0.2 fd12:3456::1 2606:4700::1111 64:ff9b::101:101 64:ff9b:1::a00:1") {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

// apiServer is what --deny-cidr, or the environment of a Pod, adds.
const apiServer = "10.96.0.1"

// zone is what the name server says. Names that it does not know lead to metadata.
type zone struct {
	mu    sync.Mutex
	asked map[string]int
}

func (z *zone) answer(q dnsmessage.Question, m *dnsmessage.Message) {
	z.mu.Lock()
	defer z.mu.Unlock()
	name := strings.ToLower(q.Name.String())
	z.asked[name]++
	for _, text := range z.records(name, z.asked[name]) {
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		address, err := netip.ParseAddr(text)
		switch {
		case err != nil: // an alias, whose own answers follow
			header.Type = dnsmessage.TypeCNAME
			alias := dnsmessage.MustNewName(text)
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.CNAMEResource{CNAME: alias}})
			q.Name = alias
		case address.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case !address.Is4() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
}

// records are addresses, behind the aliases that lead to them.
func (*zone) records(name string, time int) []string {
	switch name {
	case "api.shop.svc.cluster.local.", "a.example.", "xn--bcher-kva.example.":
		return []string{"10.0.0.1"}
	case "six.example.":
		return []string{"fd12:3456::1"}
	case "good.chain.example.":
		return []string{"one.example.", "two.example.", "10.0.0.1"}
	case "kubernetes.default.svc.cluster.local.", "kubernetes.shop.svc.cluster.local.":
		return []string{apiServer}
	case "chain.example.":
		return []string{"one.example.", "a.example.", "metadata.google.internal.", "169.254.169.254", "fd00:ec2::254"}
	case "loop.example.":
		return []string{"loop.example.", "loop.example."}
	case "mapped.example.":
		return []string{"::ffff:169.254.169.254", "::ffff:127.0.0.1"}
	case "embedded.example.":
		return []string{"64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::"}
	case "six.forbidden.example.":
		return []string{"fd00:ec2::254", "fe80::1", "::1"}
	case "none.example.":
		return []string{"0.0.0.0", "::"}
	case "mixed.example.":
		return []string{"169.254.169.254", "fd00:ec2::254", "10.0.0.1", "127.0.0.1", "::1"}
	case "rebind.example.":
		return [][]string{{"10.0.0.1"}, {"169.254.169.254"}, {"10.0.0.1", "127.0.0.1"}, {"100.100.100.200"}}[time/2%4]
	}
	return []string{"169.254.169.254", "fd00:ec2::254"}
}

// split is the host and port of an authority, as well as it can be.
func split(authority string) (host, port string, err error) {
	if host, port, err = net.SplitHostPort(authority); err == nil {
		return host, port, nil
	}
	if authority == "" {
		return "", "", errors.New("nothing there")
	}
	return strings.TrimSuffix(strings.TrimPrefix(authority, "["), "]"), "80", nil
}
