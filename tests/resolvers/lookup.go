// What Go's own resolver makes of a name, as one word.
//
//	lookup any|4|6 NAME    addresses
//	lookup 16|33 NAME      records: TXT, SRV
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

func main() {
	found, err := lookup(os.Args[1], os.Args[2])
	fmt.Println(word(found, err))
}

func lookup(what, name string) (int, error) {
	switch what {
	case "any":
		found, err := net.LookupHost(name)
		return len(found), err
	case "4", "6":
		found, err := net.DefaultResolver.LookupIP(context.Background(), "ip"+what, name)
		return len(found), err
	case "16":
		found, err := net.LookupTXT(name)
		return len(found), err
	default:
		_, found, err := net.LookupSRV("", "", name)
		return len(found), err
	}
}

func word(found int, err error) string {
	var dns *net.DNSError
	var addr *net.AddrError
	switch {
	case err == nil && found == 0:
		return "nothing"
	case err == nil:
		return "found"
	case errors.As(err, &addr):
		return "family"
	case !errors.As(err, &dns):
		return "unexpected: " + err.Error()
	case dns.IsNotFound:
		return "noname"
	case dns.IsTemporary || dns.IsTimeout:
		return "again"
	default:
		return "failed"
	}
}
