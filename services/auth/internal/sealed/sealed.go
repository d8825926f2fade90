// Package sealed encrypts what lies in the database and is not for those who only read that.
package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// Box encrypts with AES-256-GCM.
type Box struct{ aead cipher.AEAD }

// NewBox takes a random text of 32 characters or more, of which the key is the digest.
func NewBox(text string) (Box, error) {
	if len(text) < 32 {
		return Box{}, errors.New("the sealing key has fewer than 32 characters")
	}
	key := sha256.Sum256([]byte(text))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return Box{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Box{aead}, err
}

// Seal encrypts the text for the owner: moved to another's row it does not open.
func (b Box) Seal(text, owner string) []byte {
	nonce := make([]byte, b.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	return b.aead.Seal(nonce, nonce, []byte(text), []byte(owner))
}

// Open decrypts what Seal made for the owner.
func (b Box) Open(sealed []byte, owner string) (string, error) {
	if len(sealed) < b.aead.NonceSize() {
		return "", errors.New("too short to be sealed")
	}
	text, err := b.aead.Open(nil, sealed[:b.aead.NonceSize()], sealed[b.aead.NonceSize():], []byte(owner))
	return string(text), err
}
