package strict

// Check looks at what a request in HTTP/2 says of its method, target and host, as they are written into a request in HTTP/1: by the
// same rules, as net/http lets spaces through in all three. nil = nothing is wrong with it.
func Check(method, target, host string) *Refusal {
	var room [512]byte
	head := append(room[:0], method...)
	head = append(head, ' ')
	head = append(head, target...)
	head = append(head, " HTTP/1.1\r\nHost: "...)
	head = append(head, host...)
	head = append(head, "\r\n\r\n"...)
	s := scanner{rules: &byDefault}
	n, f := s.scan(head)
	switch {
	case f == nil && n == len(head) && s.state == between:
		return nil
	case f == nil: // there is more than one request in it
		f = faultSpaces
	}
	return &Refusal{Status: f.status, Reason: f.reason}
}

var byDefault Rules
