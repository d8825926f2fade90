package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// identity is what the agent beside a proxy would get from istiod's certificate authority and hand to the proxy.
type identity struct{ certificate, key, roots string }

func (i identity) server() (*grpc.Server, error) {
	agent := &agent{secrets: map[string]*anypb.Any{}}
	if i.certificate != "" {
		if err := agent.read(i); err != nil {
			return nil, err
		}
	}
	server := grpc.NewServer()
	secret.RegisterSecretDiscoveryServiceServer(server, agent)
	return server, nil
}

// agent answers for the two names that Istio's proxies ask for.
type agent struct {
	secret.UnimplementedSecretDiscoveryServiceServer
	secrets map[string]*anypb.Any
}

func (a *agent) read(i identity) error {
	chain, err := os.ReadFile(i.certificate)
	key, keyErr := os.ReadFile(i.key)
	roots, rootsErr := os.ReadFile(i.roots)
	if err := errors.Join(err, keyErr, rootsErr); err != nil {
		return err
	}
	for _, one := range []*tls.Secret{
		{Name: "default", Type: &tls.Secret_TlsCertificate{
			TlsCertificate: &tls.TlsCertificate{CertificateChain: inline(chain), PrivateKey: inline(key)},
		}},
		{Name: "ROOTCA", Type: &tls.Secret_ValidationContext{
			ValidationContext: &tls.CertificateValidationContext{TrustedCa: inline(roots)},
		}},
	} {
		packed, err := anypb.New(one)
		if err != nil {
			return err
		}
		a.secrets[one.GetName()] = packed
	}
	return nil
}

func inline(content []byte) *core.DataSource {
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: content}}
}

// StreamSecrets answers each first request; what follows on the stream are acknowledgements.
func (a *agent) StreamSecrets(stream secret.SecretDiscoveryService_StreamSecretsServer) error {
	for answered := 0; ; {
		request, err := stream.Recv()
		if err != nil {
			return nil
		}
		if failed := request.GetErrorDetail(); failed != nil {
			fmt.Fprintln(os.Stderr, "SDS: refused by the proxy:", failed.GetMessage())
		}
		if request.GetResponseNonce() != "" {
			continue
		}
		answered++
		version := strconv.Itoa(answered)
		answer := &discovery.DiscoveryResponse{VersionInfo: version, Nonce: version, TypeUrl: request.GetTypeUrl()}
		for _, name := range request.GetResourceNames() {
			if known := a.secrets[name]; known != nil {
				answer.Resources = append(answer.Resources, known)
			}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}
