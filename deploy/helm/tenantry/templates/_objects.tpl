{{/*
The chart's objects are those of deploy/kubernetes and deploy/nats, read as data and changed by what the
values say. Each file is read with "tenantry.objects", each object goes through "tenantry.object".
*/}}

{{/* The files that the values ask for, as a JSON list. */}}
{{- define "tenantry.files" -}}
{{- $globs := list "crd/*.yaml" "kubernetes/base/*/rbac.yaml" "kubernetes/base/*/workload.yaml" -}}
{{- if .Values.nats.enabled }}{{ $globs = append $globs "nats/*.yaml" }}{{ end -}}
{{- if .Values.networkPolicies.enabled }}{{ $globs = append $globs "kubernetes/components/network-policies/*.yaml" }}{{ end -}}
{{- if .Values.monitoring.enabled }}{{ $globs = append $globs "kubernetes/components/monitoring/*.yaml" }}{{ end -}}
{{- with .Values.autoscaling }}{{ $globs = append $globs (printf "kubernetes/components/autoscaling-%s/*.yaml" .) }}{{ end -}}
{{- if .Values.webhook.enabled }}{{ $globs = append $globs "kubernetes/components/webhook/*.yaml" }}{{ end -}}
{{- $paths := list -}}
{{- range $glob := $globs -}}
{{- range $path, $_ := $.Files.Glob $glob -}}
{{- if or $.Values.nats.enabled (not (hasSuffix "network-policies/nats.yaml" $path)) }}{{ $paths = append $paths $path }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $paths -}}
{{- end -}}

{{/* What stands in a file under the names of this installation. Takes (list $ text). */}}
{{- define "tenantry.text" -}}
{{- $root := index . 0 -}}
{{- index . 1
  | replace "tenantry-system" $root.Release.Namespace
  | replace "kubernetes.io/metadata.name: monitoring" (printf "kubernetes.io/metadata.name: %s" $root.Values.monitoring.namespace)
  | replace "namespaces: [monitoring]" (printf "namespaces: [%s]" $root.Values.monitoring.namespace)
  | replace "http://prometheus-operated.monitoring.svc:9090" $root.Values.monitoring.prometheusUrl -}}
{{- end -}}

{{/* A service's configuration: its file, with what the values say merged over it. Takes (list $ name). */}}
{{- define "tenantry.config" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $file := include "tenantry.text" (list $root ($root.Files.Get (printf "kubernetes/base/%s/config.yaml" $name))) | fromYaml -}}
{{- if not $root.Values.nats.enabled }}{{ $_ := set $file.nats "servers" $root.Values.nats.servers }}{{ end -}}
{{- if eq $name "provision" }}{{ $_ := set $file.nats "replicas" $root.Values.nats.replicas }}{{ end -}}
{{- toYaml (mergeOverwrite $file (deepCopy (index $root.Values $name).config)) -}}
{{- end -}}

{{/* The files of a node's configuration, as a map. */}}
{{- define "tenantry.nats" -}}
{{- range $file := list "nats.conf" "accounts.conf" "cluster.conf" }}
{{ $file }}: {{ if or (ne $file "cluster.conf") (gt (int $.Values.nats.replicas) 1) }}{{ $.Files.Get (printf "nats/%s" $file) | toJson }}{{ else }}{{ toJson "# One node is no cluster.\n" }}{{ end }}
{{- end -}}
{{- end -}}

{{/* One object, changed by the values; prints YAML. Takes (list $ object). */}}
{{- define "tenantry.object" -}}
{{- $root := index . 0 -}}
{{- $object := index . 1 -}}
{{- $values := $root.Values -}}
{{- $meta := $object.metadata -}}
{{- $name := $meta.name -}}
{{- $labels := dict "app.kubernetes.io/managed-by" $root.Release.Service "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) -}}
{{- $_ := set $meta "labels" (merge $labels ($meta.labels | default dict)) -}}
{{- if eq $object.kind "CustomResourceDefinition" -}}
{{- /* Deleting it would delete every MetricAccess of the cluster. */ -}}
{{- $_ := set $meta "annotations" (merge (dict "helm.sh/resource-policy" "keep") ($meta.annotations | default dict)) -}}
{{- else if not (has $object.kind (list "ClusterRole" "ClusterRoleBinding" "ValidatingWebhookConfiguration")) -}}
{{- $_ := set $meta "namespace" ($meta.namespace | default $root.Release.Namespace) -}}
{{- end -}}
{{- if has $object.kind (list "Deployment" "StatefulSet" "Job") -}}
{{- $own := index $values $name -}}
{{- $template := $object.spec.template -}}
{{- $container := index $template.spec.containers 0 -}}
{{- $image := $own.image | default (printf "%s/%s:%s" $values.image.registry (last (splitList "/" $container.image)) ($values.image.tag | default $root.Chart.AppVersion)) -}}
{{- $_ := set $container "image" $image -}}
{{- with $values.image.pullPolicy }}{{ $_ := set $container "imagePullPolicy" . }}{{ end -}}
{{- $_ := set $container "resources" (mergeOverwrite $container.resources (deepCopy $own.resources)) -}}
{{- $_ := set $template "spec" (mergeOverwrite $template.spec (deepCopy $values.pod) (deepCopy $own.pod)) -}}
{{- if and $values.webhook.enabled (eq $name "tenant-controller") -}}
{{- $patch := ($root.Files.Get "kubernetes/components/webhook/patches/deployment.yaml" | fromYaml).spec.template.spec -}}
{{- range $list := list "env" "ports" "volumeMounts" -}}
{{- $_ := set $container $list (concat (index (index $patch.containers 0) $list) (index $container $list | default list)) -}}
{{- end -}}
{{- $_ := set $template.spec "volumes" (concat $patch.volumes $template.spec.volumes) -}}
{{- end -}}
{{- range $secret, $folder := $own.secretMounts | default dict -}}
{{- $volume := printf "secret-%s" $secret -}}
{{- $_ := set $template.spec "volumes" (append $template.spec.volumes (dict "name" $volume "secret" (dict "secretName" $secret))) -}}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" $volume "mountPath" $folder "readOnly" true)) -}}
{{- end -}}
{{- $config := "" -}}
{{- if eq $name "nats" }}{{ $config = include "tenantry.nats" $root }}{{ else }}{{ $config = include "tenantry.config" (list $root $name) }}{{ end -}}
{{- $_ := set $template.metadata "annotations" (dict "checksum/config" (sha256sum $config)) -}}
{{- if eq $object.kind "Job" -}}
{{- /* A Job cannot be changed: every release has its own. */ -}}
{{- $_ := set $meta "name" (printf "%s-%d" $name $root.Release.Revision) -}}
{{- else if and $values.autoscaling (has $name (list "query-gateway" "collector" "writer" "receiver")) -}}
{{- $_ := unset $object.spec "replicas" -}}
{{- else -}}
{{- $_ := set $object.spec "replicas" $own.replicas -}}
{{- end -}}
{{- if eq $object.kind "StatefulSet" -}}
{{- $claim := index $object.spec.volumeClaimTemplates 0 -}}
{{- $_ := set $claim.spec.resources.requests "storage" $own.storage -}}
{{- with $own.storageClass }}{{ $_ := set $claim.spec "storageClassName" . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and (eq $name "to-nats") (not $values.nats.enabled) -}}
{{- $_ := set $object.spec "egress" (list (dict "ports" (list (dict "port" 4222)))) -}}
{{- end -}}
{{- toYaml $object -}}
{{- end -}}
