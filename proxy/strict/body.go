package strict

// scanBody looks at a body: of a known length, or in chunks (RFC 9112 section 7.1).
func (s *scanner) scanBody(p []byte) (int, *fault) {
	switch s.state {
	case inBody:
		n := s.data(p)
		if s.left == 0 {
			s.state = between
		}
		return n, nil
	case inChunkSize:
		return s.scanChunkSize(p)
	case inChunkExtension:
		n := run(p, inValue)
		if s.count += n; s.count > maxChunkLine {
			return 0, faultChunkLine
		}
		if n == len(p) {
			return n, nil
		}
		return s.endChunkLine(p[n], n)
	case afterChunkSize:
		if p[0] != '\n' {
			return 0, faultChunkLine
		}
		if f := s.beginChunk(); f != nil {
			return 0, f
		}
		return 1, nil
	case inChunk:
		n := s.data(p)
		if s.left == 0 {
			s.state = afterChunk
		}
		return n, nil
	case afterChunk:
		if p[0] != '\r' {
			return 0, faultChunkEnd
		}
		s.state = afterChunk2
		return 1, nil
	}
	if p[0] != '\n' {
		return 0, faultChunkEnd
	}
	s.state, s.count = inChunkSize, 0
	return 1, nil
}

// data takes what is there of the body or the chunk.
func (s *scanner) data(p []byte) int {
	n := min(int64(len(p)), s.left)
	s.left -= n
	return int(n)
}

func (s *scanner) scanChunkSize(p []byte) (int, *fault) {
	for i, b := range p {
		if bytesOf[b]&inHex == 0 {
			if s.count == 0 {
				return i, faultChunkSize
			}
			return s.endChunkLine(b, i)
		}
		if s.count++; s.count > 15 { // 60 bits
			return i, faultHugeChunk
		}
		s.left = s.left<<4 | int64(hexDigit(b))
	}
	return len(p), nil
}

func hexDigit(b byte) byte {
	if isDigit(b) {
		return b - '0'
	}
	return lower(b) - 'a' + 10
}

// endChunkLine looks at the byte with index n, which is none of a size or an extension.
func (s *scanner) endChunkLine(b byte, n int) (int, *fault) {
	switch {
	case b == '\r':
		s.state = afterChunkSize
	case b == ';' && s.state == inChunkSize:
		s.state = inChunkExtension
	case s.state == inChunkSize:
		return n, faultChunkSize
	default:
		return n, faultChunkLine
	}
	s.count++
	return n + 1, nil
}

// beginChunk decides what follows a chunk's size.
func (s *scanner) beginChunk() *fault {
	if s.rules.MaxBody > 0 && s.left > s.rules.MaxBody-s.total {
		return faultLargeBody
	}
	s.padding = max(s.padding+int64(s.count)+1-16-2*s.left, 0)
	if s.padding > maxPadding {
		return faultPadding
	}
	s.total += s.left
	if s.left == 0 {
		s.state, s.trailing, s.size, s.fields, s.count, s.length = atField, true, 0, 0, 0, 0
		return nil
	}
	s.state = inChunk
	return nil
}
