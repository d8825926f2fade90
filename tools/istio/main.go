// Command mesh reads rendered manifests and is their control plane on loopback,
// with Istio's own code: no Kubernetes is needed.
//
//	mesh check -objects DIR... -mesh FILE    every finding, one JSON object a line
//	mesh serve -objects DIR... -mesh FILE    xDS (and a proxy's certificates) until it is told to end; SIGHUP: read all again
//	mesh inject -mesh FILE -template FILE -values FILE    the workloads on stdin, with their sidecars
//	mesh version
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"istio.io/istio/pkg/log"
)

const istio = "istio.io/istio"

// folders is a flag that may be given more than once.
type folders []string

func (f *folders) String() string         { return strings.Join(*f, ",") }
func (f *folders) Set(value string) error { *f = append(*f, value); return nil }

type options struct {
	objects  folders
	mesh     string
	template string
	values   string
	identity identity
}

func main() {
	command := "help"
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	if err := run(command); err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
		os.Exit(1)
	}
}

func run(command string) error {
	if command == "version" {
		fmt.Println(version())
		return nil
	}
	given, err := parse(command)
	if err != nil {
		return err
	}
	if err := log.Configure(toStderr()); err != nil {
		return err
	}
	read := func() (world, error) { return readWorld(given.objects, given.mesh) }
	switch command {
	case "check":
		found, err := read()
		if err != nil {
			return err
		}
		return check(found, given.mesh)
	case "serve":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return serve(ctx, read, given.identity)
	case "inject":
		return injecting(given.mesh, given.template, given.values)
	default:
		return fmt.Errorf("there is check, serve, inject and version, not %q", command)
	}
}

func parse(command string) (options, error) {
	var given options
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.Var(&given.objects, "objects", "a folder of manifests, read with all below it; may be given more than once")
	flags.StringVar(&given.mesh, "mesh", "", "the mesh configuration")
	flags.StringVar(&given.template, "template", "", "inject: the configuration of istiod's injector")
	flags.StringVar(&given.values, "values", "", "inject: the values of its chart")
	flags.StringVar(&given.identity.certificate, "certificate", "", "the proxy's certificate chain")
	flags.StringVar(&given.identity.key, "key", "", "its private key")
	flags.StringVar(&given.identity.roots, "roots", "", "whom the proxy trusts")
	return given, flags.Parse(os.Args[min(2, len(os.Args)):])
}

// toStderr keeps Istio's log apart from what this command answers.
func toStderr() *log.Options {
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	return options
}

// version is the one that the module requires.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, one := range info.Deps {
			if one.Path == istio {
				return one.Version
			}
		}
	}
	return "unknown"
}
