package headers

import "strings"

// Content says how what is sent stands to what was received.
type Content uint8

// Received is the content as it came, byte for byte; Replaced is another one, or none in
// its place.
const (
	Received Content = iota
	Replaced
)

// AboutContent reports whether a field, given by its canonical name, speaks about the
// content that it came with, or about the representation that this is of: its form and
// place (RFC 9110, sections 8 and 14), its validators (section 8.8), digests of it (RFC
// 9530, and before it RFC 3230 and RFC 1864), signatures, which may cover any of these (RFC
// 9421), and the names by which vendors do the same. None of them is true of another
// content. What asks for such a field, as Want-Content-Digest does, is no such field.
func AboutContent(name string) bool { return aboutContent(Fold(name)) }

func aboutContent(folded string) bool {
	switch folded {
	case "Etag", "Last-Modified", "Accept-Ranges", "Digest", "Signature", "Signature-Input", "X-Goog-Hash":
		return true
	}
	if strings.HasPrefix(folded, "Content-") {
		return true
	}
	last := strings.LastIndexByte(folded, '-')
	if last < 0 || strings.HasPrefix(folded, "Want-") || strings.HasPrefix(folded, "Accept-") {
		return false
	}
	switch folded[last+1:] {
	case "Digest", "Signature", "Checksum", "Hmac", "Md5", "Sha1", "Sha256", "Sha512", "Crc32", "Crc32c", "Crc64", "Crc64nvme":
		return true
	}
	return strings.HasSuffix(folded, "-Signature-256") // of GitHub's webhooks
}

// Validates reports whether a field, given by its canonical name, says which state of a
// resource is spoken of (RFC 9110, section 8.8).
func Validates(name string) bool {
	name = Fold(name)
	return name == "Etag" || name == "Last-Modified"
}
