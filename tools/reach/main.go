// Says who may reach whom by Kubernetes NetworkPolicies, as cyclonus reads them: a question in JSON on stdin, an answer on stdout.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
)

// An end of a connection: a pod with its namespace's labels, or an address that is no pod's. Of those that are not Judged, such
// as pods of a namespace without policies, only what judged ones let them is told.
type end struct {
	Name            string
	Namespace       string
	NamespaceLabels map[string]string
	Labels          map[string]string
	Address         string
	Judged          bool
}

type port struct {
	Protocol core.Protocol
	Port     int
}

type question struct {
	Policies []*networking.NetworkPolicy
	Ends     []end
	Ports    []port
}

// Connections that a judged side lets through: each side alone, so that one which forgets is not hidden by the other.
type reached struct {
	Source   string        `json:"source"`
	Target   string        `json:"target"`
	Protocol core.Protocol `json:"protocol"`
	Port     int           `json:"port"`
	Out      bool          `json:"out"`
	Into     bool          `json:"into"`
}

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "usage: reach < question.json > answer.json")
		os.Exit(2)
	}
	if err := answer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer() error {
	var asked question
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return fmt.Errorf("the question on stdin is not as main.go reads it: %w", err)
	}
	policies := matcher.BuildNetworkPolicies(false, asked.Policies)
	found := []reached{}
	for _, source := range asked.Ends {
		for _, target := range asked.Ends {
			if !source.Judged && !target.Judged {
				continue
			}
			for _, one := range asked.Ports {
				verdict := policies.IsTrafficAllowed(&matcher.Traffic{
					Source:       source.peer(),
					Destination:  target.peer(),
					ResolvedPort: one.Port,
					Protocol:     one.Protocol,
				})
				out, into := verdict.Egress.IsAllowed(), verdict.Ingress.IsAllowed()
				if source.Judged && out || target.Judged && into {
					found = append(found, reached{source.Name, target.Name, one.Protocol, one.Port, out, into})
				}
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func (e end) peer() *matcher.TrafficPeer {
	if e.Namespace == "" {
		return &matcher.TrafficPeer{IP: e.Address}
	}
	return &matcher.TrafficPeer{IP: e.Address, Internal: &matcher.InternalPeer{
		PodLabels:       e.Labels,
		NamespaceLabels: e.NamespaceLabels,
		Namespace:       e.Namespace,
	}}
}
