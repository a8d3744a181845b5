// Command check reads exports as the programs do for which they are: a compose file with Compose's own loader, and Kubernetes' objects
// into Kubernetes' own types, strictly. It is a module of its own, so that lbdev has nothing to do with theirs.
//
//	check compose FILE   check kubernetes FILE   and several of such pairs
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

func main() {
	failed := false
	for args := os.Args[1:]; len(args) > 1; args = args[2:] {
		if err := check(args[0], args[1]); err != nil {
			fmt.Printf("%s: %v\n", args[1], err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(kind, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if kind == "compose" {
		return compose(file, text)
	}
	return kubernetes(text)
}

// compose loads a project, with a value for each variable that it asks for. Docker names what it does not know, and what refers to
// nothing.
func compose(file string, text []byte) error {
	env := types.Mapping{}
	for _, m := range variable.FindAllSubmatch(text, -1) {
		env[string(m[1])] = "x"
	}
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: filepath.Dir(file), Environment: env, ConfigFiles: []types.ConfigFile{{Filename: file, Content: text}},
	}, func(o *loader.Options) { o.SetProjectName("check", true) })
	if err != nil {
		return err
	}
	front, err := project.GetService("front")
	if err != nil {
		return err
	}
	var faults []error
	for name, service := range project.Services {
		if name == "front" {
			continue
		}
		_, known := front.DependsOn[name]
		port := service.Environment["PORT"]
		if !known || port == nil || service.StopGracePeriod == nil || service.Restart != "always" || service.Image == "" {
			faults = append(faults, fmt.Errorf("service %s is not whole: %+v", name, service))
		}
	}
	if len(project.Services) < 2 || len(front.Ports) == 0 {
		faults = append(faults, fmt.Errorf("there are %d services, and the front has the ports %v", len(project.Services), front.Ports))
	}
	return errors.Join(faults...)
}

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)`)

// kubernetes decodes each object into its type: unknown and repeated fields are errors. Then what refers to what is looked at, as no
// type does that.
func kubernetes(text []byte) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	var deployment apps.Deployment
	var service core.Service
	var ingress networking.Ingress
	for part := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var what meta.TypeMeta
		if err := yaml.Unmarshal(part, &what); err != nil {
			return err
		}
		into := map[string]any{"apps/v1 Deployment": &deployment, "v1 Service": &service, "networking.k8s.io/v1 Ingress": &ingress}[what.APIVersion+" "+what.Kind]
		if into == nil {
			fault("there is a %s %s", what.APIVersion, what.Kind)
			continue
		}
		if err := yaml.UnmarshalStrict(part, into); err != nil {
			fault("%s: %w", what.Kind, err)
		}
	}
	for _, message := range validation.IsDNS1123Label(deployment.Name) {
		fault("the name %q: %s", deployment.Name, message)
	}
	pod := deployment.Spec.Template
	for label, value := range deployment.Spec.Selector.MatchLabels {
		if pod.Labels[label] != value {
			fault("the Deployment does not select its own pods")
		}
	}
	for label, value := range service.Spec.Selector {
		if pod.Labels[label] != value {
			fault("the Service does not select the pods")
		}
	}
	if len(service.Spec.Selector) == 0 || len(pod.Spec.Containers) != 1 || len(service.Spec.Ports) != 1 {
		fault("something is missing: %+v, %+v", service.Spec, pod.Spec)
		return errors.Join(faults...)
	}
	container := pod.Spec.Containers[0]
	if container.Ports[0].Name != service.Spec.Ports[0].TargetPort.StrVal {
		fault("the Service's port %v is none of the pod's", service.Spec.Ports[0].TargetPort)
	}
	if p := container.ReadinessProbe; p == nil || (p.HTTPGet == nil) == (p.TCPSocket == nil) {
		fault("the readiness probe is %+v", p)
	}
	if p := container.LivenessProbe; p != nil && p.SuccessThreshold > 1 {
		fault("a liveness probe succeeds at once")
	}
	if grace := pod.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 4 {
		fault("the grace period is too short")
	}
	if ingress.Name != "" && ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name != service.Name {
		fault("the Ingress is for another Service")
	}
	return errors.Join(faults...)
}
