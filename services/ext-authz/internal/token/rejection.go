package token

// Rejection says why a token is refused. It goes to metrics and logs; the client
// is only told that its token is missing or invalid.
type Rejection string

func (r Rejection) Error() string { return string(r) }

// Every way in which a request's token can be refused.
const (
	Missing         Rejection = "missing_token"
	Repeated        Rejection = "repeated_header"
	Scheme          Rejection = "unsupported_scheme"
	MalformedHeader Rejection = "malformed_header"
	TooLarge        Rejection = "token_too_large"
	Malformed       Rejection = "malformed_token"
	Algorithm       Rejection = "algorithm"
	CriticalHeader  Rejection = "critical_header"
	UnknownKey      Rejection = "unknown_key"
	Signature       Rejection = "signature"
	NoExpiry        Rejection = "missing_exp"
	Expired         Rejection = "expired"
	NotYetValid     Rejection = "not_yet_valid"
	IssuedInFuture  Rejection = "issued_in_future"
	Issuer          Rejection = "issuer"
	Audience        Rejection = "audience"
	Type            Rejection = "token_type"
	Subject         Rejection = "invalid_sub"
	ID              Rejection = "invalid_jti"
	Provider        Rejection = "invalid_provider"
)

// Rejections lists them all, so that every metric series exists from the start.
func Rejections() []Rejection {
	return []Rejection{
		Missing, Repeated, Scheme, MalformedHeader, TooLarge, Malformed, Algorithm, CriticalHeader,
		UnknownKey, Signature, NoExpiry, Expired, NotYetValid, IssuedInFuture, Issuer, Audience,
		Type, Subject, ID, Provider,
	}
}
