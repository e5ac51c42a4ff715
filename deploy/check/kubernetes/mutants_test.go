package kubernetes

import (
	"strings"
	"testing"
)

// mutant is a mistake in a manifest: old is replaced by new, once, and want is part of what is said then.
type mutant struct{ name, old, new, want string }

var mutants = []mutant{
	{"a field that does not exist", "enableServiceLinks: false", "enableServiceLink: false", "enableServiceLink"},
	{"a field in another case", "readOnlyRootFilesystem: true", "readonlyRootFilesystem: true", "readonlyRootFilesystem"},
	{"a field of another type", "periodSeconds: 10", "periodSeconds: soon", "periodSeconds"},
	{"a kind that nobody looks at", "kind: PodDisruptionBudget", "kind: PodDisruptionBudgets", "nothing here checks"},

	{"a setting that no role has", "name: FAASD_JOB_BIND", "name: FAASD_JOBS_BIND", "FAASD_JOBS_BIND is no setting of faasd broker"},
	{"a setting of another role", "name: FAASD_SLOTS", "name: FAASD_REPLY_BIND", "FAASD_REPLY_BIND is no setting of faasd worker"},
	{"a role that is not there", "- coordinator\n", "- coordinate\n", `"coordinate" is no role`},
	{"one name for all pods", "fieldPath: metadata.name\n", "fieldPath: metadata.namespace\n", "no names of their own"},
	{"an address that nobody can dial", "fieldPath: status.podIP", "fieldPath: status.hostIP", "cannot be dialled"},

	{"a port that is not bound", "value: tcp://*:8111", "value: tcp://*:8112", "binds port 8112"},
	{"a port that is bound for the pod alone", "value: tcp://*:8447", "value: tcp://127.0.0.1:8447", "containerPort 8447 (jobs) is bound by no setting"},
	{"a Service of a port that is not there", "targetPort: requests", "targetPort: request", "goes to port request"},
	{"a Service of no pods", "component: broker\n    app.kubernetes.io/name: faasd\n---", "component: brokers\n    app.kubernetes.io/name: faasd\n---", "selects the pods of 0 workloads"},
	{"a name that is no Service", "value: tcp://broker:8558", "value: tcp://brokers:8558", "no Service of that name"},
	{"a link to another port", "value: tcp://broker:8558", "value: tcp://broker:8447", "listens for that at tcp://*:8558"},
	{"a link to another role", "value: tcp://broker:8558", "value: tcp://queue:8123", "a broker is dialled"},
	{"a Service with one address", "clusterIP: None\n  ports:\n  - name: publish", "ports:\n  - name: publish", "is not headless"},
	{"a Service of ready pods alone", "publishNotReadyAddresses: true", "publishNotReadyAddresses: false", "not ready yet"},
	{"a StatefulSet without its Service", "serviceName: queue", "serviceName: queues", "no headless Service"},

	{"a policy for nobody", "component: queue\n      app.kubernetes.io/name: faasd\n  policyTypes", "component: queues\n      app.kubernetes.io/name: faasd\n  policyTypes", "binds no pod"},
	{"a policy of a port that is not there", "- port: placement", "- port: places", `no port of the name "places"`},
	{"a port that is shut", "- port: placement", "- port: requests", "may not dial port 8558"},
	{"a port that is open to all", "- from:\n    - podSelector:\n        matchLabels:\n          app.kubernetes.io/component: worker\n          app.kubernetes.io/name: faasd\n    ports:\n    - port: workers", "- ports:\n    - port: workers", "somebody outside may dial port 8123"},
	{"nothing denied", "podSelector: {}\n  policyTypes:\n  - Ingress\n  - Egress", "podSelector:\n    matchLabels:\n      app.kubernetes.io/component: worker\n  policyTypes:\n  - Ingress\n  - Egress", "may dial"},
	{"the admin listener open", "value: 127.0.0.1:3001", "value: 0.0.0.0:3001", "binds port 3001 (FAASD_ADMIN)"},
	{"no DNS", "port: 53\n      protocol: UDP", "port: 54\n      protocol: UDP", "may not ask DNS over UDP"},
	{"credentials for functions", "except:\n        - 169.254.169.254/32", "except:\n        - 169.254.169.253/32", "hand out credentials"},

	{"a user that may be root", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"},
	{"any system call", "type: RuntimeDefault", "type: Unconfined", "seccomp"},
	{"capabilities", "drop:\n            - ALL", "drop:\n            - KILL", "capabilities"},
	{"more privileges", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilegeEscalation"},
	{"a folder of the machine", "emptyDir:\n          sizeLimit: 4Gi", "hostPath:\n          path: /var", "hostPath"},
	{"a root file system to write to", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "root file system"},
	{"a token", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token for Kubernetes' API"},
	{"Services as variables", "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"},
	{"a namespace for everything", "pod-security.kubernetes.io/enforce: restricted", "pod-security.kubernetes.io/enforce: baseline", "not restricted"},

	{"a probe of a path that is not there", "path: /readyz", "path: /ready", "nobody serves its readiness probe"},
	{"a probe of a port that is not there", "path: /healthz\n            port: metrics", "path: /healthz\n            port: metric", "nobody serves its"},
	{"a probe that ends a part for others", "path: /healthz", "path: /readyz", "others' failures would end it"},
	{"no probe", "readinessProbe:", "x: &probe", "x"},

	{"too little time to stop", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 35", "is killed after 35s"},
	{"too little time beside the hook", "- sleep\n              - \"10\"", "- sleep\n              - \"25\"", "is killed after 1m0s"},
	{"the time to stop left to Kubernetes", "      terminationGracePeriodSeconds: 45\n", "", "is killed after 30s"},

	{"a selector of other pods", "selector:\n    matchLabels:\n      app.kubernetes.io/component: worker", "selector:\n    matchLabels:\n      app.kubernetes.io/component: queue", "does not select its own pods"},
	{"a selector of all pods", "selector:\n    matchLabels:\n      app.kubernetes.io/component: worker\n      app.kubernetes.io/name: faasd\n  strategy", "selector:\n    matchLabels:\n      app.kubernetes.io/name: faasd\n  strategy", "selects the pods of"},
	{"pods spread among those of others", "- app.kubernetes.io/component\n", "- pod-template-hash\n", "spread among others"},
	{"a memory limit below what is asked for", "memory: 2560Mi", "memory: 256Mi", "too little of processors and memory"},
	{"no volume to work on", "mountPath: /var/lib/faasd/work", "mountPath: /var/lib/faasd/works", "is on no volume"},
	{"a volume that is not there", "- mountPath: /var/lib/faasd/work\n          name: work", "- mountPath: /var/lib/faasd/work\n          name: works", "no volume of it"},
	{"a claim that is not there", "claimName: store", "claimName: stores", "no PersistentVolumeClaim stores"},
	{"a volume of root's", "fsGroup: 10001", "supplementalGroups: [10001]", "fsGroup"},
	{"several pods with one machine's volume", "replicas: 1\n", "replicas: 2\n", "one machine's at a time"},

	{"a budget for nobody", "maxUnavailable: 25%\n  selector:\n    matchLabels:\n      app.kubernetes.io/component: worker", "maxUnavailable: 25%\n  selector:\n    matchLabels:\n      app.kubernetes.io/component: workers", "has no PodDisruptionBudget"},
	{"a budget that lets nobody go", "maxUnavailable: 25%\n  selector", "minAvailable: 100%\n  selector", "lets no machine be emptied"},

	{"an autoscaler of nobody", "kind: Deployment\n    name: worker", "kind: Deployment\n    name: workers", "which is not there"},
	{"an autoscaler of others", "kind: Deployment\n    name: worker", "kind: Deployment\n    name: broker", "work for workers"},
	{"an autoscaler that never adds one", "averageValue: \"6\"", "averageValue: \"8\"", "which has 8 slots"},
	{"an autoscaler whose work is undone", "  selector:\n    matchLabels:\n      app.kubernetes.io/component: worker\n      app.kubernetes.io/name: faasd\n  strategy", "  replicas: 3\n  selector:\n    matchLabels:\n      app.kubernetes.io/component: worker\n      app.kubernetes.io/name: faasd\n  strategy", "says itself how many pods"},
}

// Each mistake is made in the base with all that may be added, and must be noticed and named.
func TestMistakesAreNoticed(t *testing.T) {
	r := askRoles(t)
	base, whole := render(t, "base"), with(t, "monitoring", "autoscaling")
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			of := base
			if !strings.Contains(of, m.old) || strings.Contains(m.name, "autoscaler") {
				of = whole
			}
			broken := strings.Replace(of, m.old, m.new, 1)
			if broken == of {
				t.Fatalf("there is no %q any more", m.old)
			}
			_, wrong := judge(broken, r)
			if !strings.Contains(strings.Join(wrong, "\n"), m.want) {
				t.Errorf("said is %q, want something about %q", wrong, m.want)
			}
		})
	}
}
