package strict

import "bytes"

// prefaceEnd is what follows "PRI * HTTP/2.0" (RFC 9113 section 3.4).
const prefaceEnd = "\r\n\r\nSM\r\n\r\n"

// scanLine looks at a request's first line (RFC 9112 section 3).
func (s *scanner) scanLine(p []byte) (n int, f *fault) {
	switch s.state {
	case inMethod:
		n, f = s.scanMethod(p)
	case atTarget:
		n, f = s.beginTarget(p[0])
	case inTargetPath, inTargetQuery, inTargetEscape, inTargetEscape2:
		n, f = s.scanPath(p)
	case afterAsterisk:
		n, f = s.endAsterisk(p[0])
	case inAuthority:
		n, f = s.scanAuthority(p)
	case inVersion:
		n, f = s.scanVersion(p)
	case afterVersion:
		if n, f = s.expectLF(p[0], atField); f == nil {
			s.prefaced = true
		}
	}
	if f == nil {
		f = s.grow(n)
	}
	return n, f
}

func (s *scanner) scanMethod(p []byte) (int, *fault) {
	n := run(p, inToken)
	s.keep(p[:n])
	switch {
	case s.length > maxMethod:
		return 0, faultLongMethod
	case n == len(p):
		return n, nil
	case s.length == 0:
		return n, firstFault(p[n])
	case p[n] != ' ':
		return n, lineFault(p[n], faultMethod)
	}
	switch string(s.kept()) {
	case "OPTIONS":
		s.method = methodOptions
	case "CONNECT":
		s.method = methodConnect
	case "PRI":
		s.method = methodPRI
	}
	s.state, s.count, s.length = atTarget, 0, 0
	return n + 1, nil
}

// firstFault is that of a byte which begins no request.
func firstFault(b byte) *fault {
	if b == 0x16 { // a TLS record with a handshake
		return faultTLS
	}
	return lineFault(b, faultMethod)
}

// lineFault is that of a byte in the first line.
func lineFault(b byte, other *fault) *fault {
	switch {
	case b == '\n':
		return faultLF
	case b == 0:
		return faultNUL
	case b == ' ' || b == '\t':
		return faultSpaces
	case b == '\r':
		return faultNoVersion
	case b < ' ' || b == 0x7f:
		return faultControl
	}
	return other
}

// beginTarget tells the four forms of a target apart (RFC 9112 section 3.2).
func (s *scanner) beginTarget(b byte) (int, *fault) {
	switch {
	case s.method == methodConnect && b > ' ', s.method != methodConnect && lower(b) == 'h':
		s.state = inAuthority
	case b == '/':
		s.state = inTargetPath
	case b == '*':
		s.state = afterAsterisk
		return 1, nil
	default:
		return 0, lineFault(b, faultTarget)
	}
	return 0, nil
}

// endAsterisk looks at what follows the target "*".
func (s *scanner) endAsterisk(b byte) (int, *fault) {
	switch {
	case b != ' ':
		return 0, lineFault(b, faultTarget)
	case s.method != methodOptions && s.method != methodPRI:
		return 0, faultAsterisk
	}
	s.state, s.count, s.length = inVersion, 0, 0
	return 1, nil
}

// scanPath looks at a path and a query.
func (s *scanner) scanPath(p []byte) (int, *fault) {
	n := 0
	switch s.state {
	case inTargetPath:
		n = run(p, inPath)
	case inTargetQuery:
		n = run(p, inQuery)
	default:
		if bytesOf[p[0]]&inHex == 0 {
			return 0, faultEscape
		}
		s.count++
		if s.state++; s.state > inTargetEscape2 {
			s.state = inTargetPath
		}
		return 1, nil
	}
	if s.count += n; s.count > s.rules.maxTarget() {
		return 0, faultLongTarget
	}
	if n == len(p) {
		return n, nil
	}
	switch b := p[n]; {
	case b == ' ':
		s.state, s.count, s.length = inVersion, 0, 0
	case b == '?':
		s.state = inTargetQuery
		s.count++
	case b == '%':
		s.state = inTargetEscape
		s.count++
	case b == '#':
		return n, faultFragment
	default:
		return n, lineFault(b, faultTargetByte)
	}
	return n + 1, nil
}

// scanAuthority looks at "host:port" after CONNECT, and at "http://host:port" of a target in absolute form.
func (s *scanner) scanAuthority(p []byte) (int, *fault) {
	for i, b := range p {
		slashes := schemeLength(s.kept())
		switch {
		case b == ' ' && s.method == methodConnect:
			if !validHost(s.kept(), true) {
				return i, faultConnect
			}
			s.state, s.count, s.length = inVersion, 0, 0
			return i + 1, nil
		case s.method != methodConnect && slashes > 0 && (b == '/' || b == '?' || b == ' '):
			if f := s.checkAuthority(slashes); f != nil {
				return i, f
			}
			s.count, s.length = s.length, 0
			s.state = inTargetPath
			return i, nil
		case bytesOf[b]&inQuery == 0:
			return i, lineFault(b, faultTarget)
		case slashes == 0 && s.length >= len("https://") && s.method != methodConnect:
			return i, faultTarget
		case s.length >= len(s.text)-1:
			return i, s.authorityFault()
		}
		s.keep(p[i : i+1])
	}
	return len(p), nil
}

func (s *scanner) checkAuthority(slashes int) *fault {
	switch authority := s.kept()[slashes:]; {
	case bytes.IndexByte(authority, '@') >= 0:
		return faultUserinfo // RFC 9110 section 4.2.4
	case !validHost(authority, false):
		return faultAuthority
	}
	return nil
}

func (s *scanner) authorityFault() *fault {
	if s.method == methodConnect {
		return faultConnect
	}
	return faultAuthority
}

// schemeLength is how long "http://" or "https://" is at the beginning of a target; 0 = it is neither.
func schemeLength(target []byte) int {
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) >= len(scheme) && equalFold(target[:len(scheme)], scheme) {
			return len(scheme)
		}
	}
	return 0
}

func (s *scanner) scanVersion(p []byte) (int, *fault) {
	n := run(p, inQuery)
	s.keep(p[:n])
	version := s.kept()
	switch {
	case s.length > len("HTTP/1.1"):
		return 0, faultVersion
	case n == len(p):
		return n, nil
	case s.length == 0 || p[n] != '\r':
		return n, lineFault(p[n], faultVersion)
	case s.method != methodPRI && (string(version) == "HTTP/1.1" || string(version) == "HTTP/1.0"):
		s.minor = version[len(version)-1]
		s.state = afterVersion
		return n + 1, nil
	case s.method == methodPRI && !s.prefaced && string(version) == "HTTP/2.0":
		if !s.rules.HTTP2 {
			return n, faultNoPreface
		}
		s.state = inPreface
		return n, nil
	case isVersion(version) && version[5] == '1' && s.method == methodPRI:
		return n, faultAsterisk
	case isVersion(version):
		return n, faultOldVersion
	}
	return n, faultVersion
}

// isVersion says whether text is a version of HTTP, as it is written.
func isVersion(text []byte) bool {
	return len(text) == 8 && string(text[:5]) == "HTTP/" && isDigit(text[5]) && text[6] == '.' && isDigit(text[7])
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
