// Argo CD's application controller and repository server in one program, as its own image has them: the first argument says which.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	repositories "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/common"
)

func main() {
	root := &cobra.Command{Use: "argocd", SilenceUsage: true}
	root.AddCommand(controller.NewCommand(), repositories.NewCommand(), &cobra.Command{
		Use: "version",
		Run: func(*cobra.Command, []string) { fmt.Println(common.GetVersion().Version) },
	})
	if root.Execute() != nil {
		os.Exit(1)
	}
}
