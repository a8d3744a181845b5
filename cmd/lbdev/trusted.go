package main

import (
	"fmt"
	"net/netip"
	"strings"
)

// trustedBlocks are words for addresses that people mean often.
var trustedBlocks = map[string][]string{
	"loopback": {"127.0.0.0/8", "::1/128"},
	"private":  {"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"},
}

// parseTrusted reads addresses of proxies: blocks such as 10.0.0.0/8, single ones, or a word. Several may stand in one text with
// commas between them.
func parseTrusted(texts []string) ([]netip.Prefix, error) {
	var blocks []netip.Prefix
	for _, text := range texts {
		for part := range strings.SplitSeq(text, ",") {
			part = strings.TrimSpace(part)
			words := trustedBlocks[part]
			if words == nil {
				words = []string{part}
			}
			for _, word := range words {
				block, err := parseBlock(word)
				if err != nil {
					return nil, fmt.Errorf("cannot trust %q: it must be an address such as 10.0.0.7, a block such as 10.0.0.0/8, loopback or private", part)
				}
				blocks = append(blocks, block)
			}
		}
	}
	return blocks, nil
}

func parseBlock(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	block, err := netip.ParsePrefix(text)
	return block.Masked(), err
}
