// Command trivy asks Trivy's own rules of a plan of Terraform's or of a folder of manifests, and prints what they say as JSON.
// The whole of Trivy is some 3,000 packages; its scanners of configuration are half of them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/aquasecurity/trivy/pkg/iac/rego"
	"github.com/aquasecurity/trivy/pkg/iac/scan"
	"github.com/aquasecurity/trivy/pkg/iac/scanners/kubernetes"
	"github.com/aquasecurity/trivy/pkg/iac/scanners/options"
	"github.com/aquasecurity/trivy/pkg/iac/scanners/terraformplan/tfjson"
)

// finding is what one rule finds wanting: of a plan the address of a resource, of manifests the path of a file.
type finding struct {
	Check    string `json:"check"`
	Resource string `json:"resource"`
	Message  string `json:"message"`
}

// said is every finding, and how many checks found nothing.
type said struct {
	Passed   int       `json:"passed"`
	Findings []finding `json:"findings"`
}

func main() {
	if len(os.Args) != 3 {
		usage()
	}
	// It logs what it cannot read, and goes on.
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	rules := []options.ScannerOption{rego.WithEmbeddedPolicies(true), rego.WithEmbeddedLibraries(true)}
	var made said
	var err error
	switch where := os.Args[2]; os.Args[1] {
	case "plan":
		made, err = ofPlan(context.Background(), where, rules)
	case "manifests":
		made, err = ofManifests(context.Background(), where, rules)
	default:
		usage()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(made)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: trivy plan FILE | trivy manifests FOLDER")
	os.Exit(2)
}

func ofPlan(ctx context.Context, path string, rules []options.ScannerOption) (said, error) {
	file, err := os.Open(path)
	if err != nil {
		return said{}, err
	}
	defer file.Close()
	results, err := tfjson.New(rules...).Scan(ctx, file)
	return told(results, func(one scan.FlatResult) string { return one.Resource }), err
}

func ofManifests(ctx context.Context, folder string, rules []options.ScannerOption) (said, error) {
	results, err := kubernetes.NewScanner(rules...).ScanFS(ctx, os.DirFS(folder), ".")
	return told(results, func(one scan.FlatResult) string { return one.Location.Filename }), err
}

func told(results scan.Results, resource func(scan.FlatResult) string) said {
	failed := results.GetFailed()
	made := said{Passed: len(results.GetPassed()), Findings: make([]finding, 0, len(failed))}
	for _, one := range failed {
		flat := one.Flatten()
		made.Findings = append(made.Findings, finding{one.Rule().ID, resource(flat), flat.Description})
	}
	return made
}
