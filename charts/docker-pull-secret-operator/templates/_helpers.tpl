{{- define "dps.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "dps.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "dps.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dps.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "dps.selector" -}}
app.kubernetes.io/name: {{ include "dps.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dps.labels" -}}
{{ include "dps.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "dps.serviceAccount" -}}
{{- .Values.serviceAccount.existingName | default (include "dps.fullname" .) -}}
{{- end -}}

{{/* Admission policies belong to no namespace, and releases of several namespaces may have the same name. */}}
{{- define "dps.operatorWrites" -}}
{{ include "dps.fullname" . }}-writes.{{ .Release.Namespace }}
{{- end -}}

{{- define "dps.accountWrites" -}}
{{ include "dps.fullname" . }}-account-writes.{{ .Release.Namespace }}
{{- end -}}

{{- define "dps.operatorTokens" -}}
{{ include "dps.fullname" . }}-tokens.{{ .Release.Namespace }}
{{- end -}}

{{- define "dps.authors" -}}
{{ include "dps.fullname" . }}-authors.{{ .Release.Namespace }}
{{- end -}}

{{- define "dps.clusterAuthors" -}}
{{ include "dps.fullname" . }}-cluster-authors.{{ .Release.Namespace }}
{{- end -}}

{{- define "dps.attachPodsFromCluster" -}}
{{ include "dps.fullname" . }}-cluster-attach-pods.{{ .Release.Namespace }}
{{- end -}}

{{- define "dps.attachPods" -}}
{{ include "dps.fullname" . }}-attach-pods.{{ .Release.Namespace }}
{{- end -}}

{{/* Images of Docker Hub, as the operator writes them into status.imagePattern. */}}
{{- define "dps.dockerHubImages" -}}
^([^/]+$|[^/.:]+/|(index[.])?docker[.]io/)
{{- end -}}

{{- define "dps.image" -}}
{{- $repository := required "image.repository is required, since no image is published: build and push one with `make image PUSH=REGISTRY/docker-pull-secret-operator:TAG`, then set image.repository=REGISTRY/docker-pull-secret-operator and image.tag=TAG (docs/install.md)" .Values.image.repository -}}
{{- with .Values.image.registry | default (.Values.global).imageRegistry }}{{ . }}/{{ end }}{{ $repository }}
{{- if .Values.image.digest -}}
@{{ .Values.image.digest }}
{{- else -}}
:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Whether there are resources for many namespaces: not empty if so. */}}
{{- define "dps.clusters" -}}
{{- if and .Values.clusterResources.enabled (not .Values.watchNamespaces) }}true{{ end -}}
{{- end -}}

{{/* All that the operator may do, in a Role and in a ClusterRole. */}}
{{- define "dps.rules" -}}
- apiGroups: [pullsecrets.dev]
  resources: [dockerpullsecrets]
  verbs: [get, list, watch]
- apiGroups: [pullsecrets.dev]
  resources: [dockerpullsecrets/status]
  verbs: [patch]
# Names of the Secrets are chosen by users, so they cannot be listed here. It watches their metadata, gets the ones that
# a DockerPullSecret names, creates and patches the ones it generates, and deletes those after a change of secretName.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# Certificates that spec.verification.tls.caBundleRef names: metadata is watched, the named ones are read.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
# Pods that cannot pull: all are watched, nothing of a running one is kept.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# What kubelets before 1.32 say of a pull only in Events; they are listed for pods that fail.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
# One Event on a DockerPullSecret when pods begin to fail for another cause, and when they recover; what happens again is counted.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [get, create, patch]
{{- if include "dps.clusters" . }}
# Which namespaces are selected depends on their labels.
- apiGroups: [pullsecrets.dev]
  resources: [clusterdockerpullsecrets]
  verbs: [get, list, watch]
- apiGroups: [pullsecrets.dev]
  resources: [clusterdockerpullsecrets/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
{{- if .Values.recovery.enabled }}
# Pods whose successors would pull, where spec.recovery.evictPods asks for it.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
{{- end }}
{{- if .Values.rbac.attachServiceAccounts }}
# Names in imagePullSecrets are added to the ServiceAccounts that spec.attachTo names, and taken out again.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [list, watch, patch]
{{- end }}
{{- if .Values.minting.anyServiceAccount }}
# Tokens of every ServiceAccount, for spec.credentialsFrom. Without this, minting.yaml has a Role for the ones that values name.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get]
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
{{- end }}
{{- end -}}

{{/* Arguments of the operator and of its check: where it works, and to where it may connect. */}}
{{- define "dps.scope" -}}
- --lease={{ .Release.Namespace }}/{{ include "dps.fullname" . }}
{{- range .Values.watchNamespaces }}
- --namespace={{ . }}
{{- end }}
{{- range .Values.verification.denyCidrs }}
- --deny-cidr={{ . }}
{{- end }}
{{- range .Values.verification.allowRegistries }}
- --allow-registry={{ . }}
{{- end }}
{{- end -}}

{{/* What the pods of the operator and of its check have in common. */}}
{{- define "dps.pod" -}}
serviceAccountName: {{ include "dps.serviceAccount" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
automountServiceAccountToken: true
{{- with .Values.podSecurityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraVolumes }}
volumes: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* And their containers. */}}
{{- define "dps.container" -}}
image: {{ include "dps.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
volumeMounts: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .Values.resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
