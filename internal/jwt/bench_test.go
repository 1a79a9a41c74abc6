package jwt

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
	"time"
)

// A token that was judged before: docs/benchmarks.md has 5 µs for it.
func BenchmarkRecall(b *testing.B) {
	key := newRSA(b, "rsa", 2048)
	issuer, digests := holding(b, config(), key.published(b, nil)), NewDigests()
	compact := key.sign(b, "RS256", says(map[string]any{"email": "ada@example.com", "roles": []string{"reader", "writer"}}), nil)
	if _, verdict := issuer.Judge(b.Context(), Parse(compact), digests.Of(compact)); verdict != Admitted {
		b.Fatal(verdict)
	}
	b.ReportAllocs()
	for b.Loop() {
		if issuer.Recall(digests.Of(compact), time.Now()) == nil {
			b.Fatal("it is not remembered")
		}
	}
}

// A token that is new, beside the verification of its signature alone.
func BenchmarkJudge(b *testing.B) {
	key := newRSA(b, "rsa", 2048)
	issuer := holding(b, config(), key.published(b, nil))
	compact := key.sign(b, "RS256", says(nil), nil)
	b.Run("signature", func(b *testing.B) {
		sum := sha256.Sum256([]byte("text"))
		signature, err := rsa.SignPKCS1v15(nil, key.private.(*rsa.PrivateKey), crypto.SHA256, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if rsa.VerifyPKCS1v15(&key.private.(*rsa.PrivateKey).PublicKey, crypto.SHA256, sum[:], signature) != nil {
				b.Fatal("it is wrong")
			}
		}
	})
	b.Run("token", func(b *testing.B) {
		digests := NewDigests()
		b.ReportAllocs()
		for b.Loop() {
			if _, verdict := issuer.Judge(b.Context(), Parse(compact), digests.Of(compact)); verdict != Admitted {
				b.Fatal(verdict)
			}
		}
	})
}
