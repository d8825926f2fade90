// Command alert-routes prints the configuration that Prometheus' operator gives Alertmanager: it reads JSON on stdin.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/blang/semver/v4"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	corev1 "k8s.io/api/core/v1"
)

// question is what stands in the cluster: the Secret's configuration, the objects beside it and the Secrets that they name.
type question struct {
	Alertmanager  monitoringv1.Alertmanager               `json:"alertmanager"`
	Configuration string                                  `json:"configuration"`
	Configs       []monitoringv1alpha1.AlertmanagerConfig `json:"configs"`
	Secrets       []corev1.Secret                         `json:"secrets"`
}

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "usage: alert-routes <question.json >alertmanager.yaml: see type question in main.go")
		os.Exit(2)
	}
	made, err := answer(context.Background(), os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(string(made))
}

// answer merges the objects into the configuration, in the order of their names, as the operator does.
func answer(ctx context.Context, from io.Reader) ([]byte, error) {
	var asked question
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return nil, fmt.Errorf("the question on stdin is not as main.go reads it: %w", err)
	}
	version, err := semver.ParseTolerant(asked.Alertmanager.Spec.Version)
	if err != nil {
		return nil, fmt.Errorf("alertmanager.spec.version: %w", err)
	}
	secrets := make([]any, 0, len(asked.Secrets))
	for _, secret := range asked.Secrets {
		secrets = append(secrets, &secret)
	}
	store := assets.NewTestStoreBuilder(secrets...)
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	builder := alertmanager.NewConfigBuilder(quiet, version, store, &asked.Alertmanager)
	if err := builder.InitializeFromRawConfiguration([]byte(asked.Configuration)); err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	configs := map[string]*monitoringv1alpha1.AlertmanagerConfig{}
	for _, config := range asked.Configs {
		configs[config.Namespace+"/"+config.Name] = &config
	}
	if err := builder.AddAlertmanagerConfigs(ctx, configs); err != nil {
		return nil, err
	}
	return builder.MarshalJSON()
}
