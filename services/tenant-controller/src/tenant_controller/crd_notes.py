"""What the CRD says of each field beyond its type: descriptions, limits, rules, list types; pure.

`crd` puts it together with the Structs; a field without a description fails a test. Whatever a CEL
rule looks at has a greatest length, so that the API server can estimate what the rule costs; keys
of maps have none, which is why only the tenant-controller checks label and header names.
"""

from collections.abc import Mapping
from typing import Any

from tenant_controller import metric_access as spec
from tenant_controller import status_fields as status

type Note = Mapping[str, Any]

_SERVICE = {"maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
_PORT = {"format": "int32", "minimum": 1, "maximum": 65535}
_DURATION = "^(0|(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"
_ATOMIC = {"x-kubernetes-list-type": "atomic"}
_TIME = {"format": "date-time"}
_SECRET_NAME = {
    "maxLength": 253,
    "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}
_SECRET_KEY = {"maxLength": 253, "pattern": "^[-._a-zA-Z0-9]+$"}
_URL = {"maxLength": 2048, "pattern": "^https?://[^/?#@\\s]+([/?][^#\\s]*)?$"}


def _lasts(least: str, most: str) -> Note:
    return {
        "maxLength": 64,
        "x-kubernetes-validations": [
            {
                "rule": f"self.matches('{_DURATION}') && duration(self) >= duration('{least}')"
                f" && duration(self) <= duration('{most}')",
                "message": f'must be a duration from {least} to {most}, such as "30s" or "1h30m"',
            }
        ],
    }


def _block(kind: str, field: str) -> Note:
    return {
        "rule": f"self.target.type != '{kind}' || has(self.{field}) || has(self.target.{field})",
        "message": f"target.type {kind} needs the block `{field}`, inside `target` or beside it",
    }


OF_STRUCTS: Mapping[type, Note] = {
    spec.RemoteWrite: {
        "x-kubernetes-validations": [
            _block("prometheus", "prometheus"),
            _block("pushgateway", "pushgateway"),
            _block("remote_write", "remoteWrite"),
            _block("telemeter", "telemeter"),
        ]
    },
    spec.RemoteWriteTarget: {
        "x-kubernetes-validations": [
            {
                "rule": "[has(self.basicAuth), has(self.authorization), has(self.oauth2), "
                "has(self.authorize)].filter(given, given).size() <= 1",
                "message": "at most one of basicAuth, authorization, oauth2 and authorize can be "
                "used",
            }
        ]
    },
    spec.TlsConfig: {
        "x-kubernetes-validations": [
            {
                "rule": "has(self.cert) == has(self.keySecret)",
                "message": "a client certificate needs cert and keySecret",
            }
        ]
    },
    spec.Relabeling: {
        "x-kubernetes-validations": [
            {
                "rule": "!(has(self.source_labels) && has(self.sourceLabels))",
                "message": "source_labels and sourceLabels are the same; keep one",
            },
            {
                "rule": "!(has(self.target_label) && has(self.targetLabel))",
                "message": "target_label and targetLabel are the same; keep one",
            },
        ]
    },
}
"""Struct → what its schema has besides type, description and properties."""


def _said(description: str, **more: Any) -> Note:
    return {"description": description, **more}


OF_FIELDS: Mapping[type, Mapping[str, Note]] = {
    spec.Spec: {
        "source": _said(
            "Identifier of the tenant. It is shown and kept; it grants nothing.", maxLength=253
        ),
        "metrics": _said(
            "What is granted, item by item: a metric name; a PromQL series selector, such as "
            'up{job="x"} or {__name__=~"kube_.*"}; or a regular expression (RE2) for the whole '
            "name. The tenant sees every series that some item of some MetricAccess of its "
            "namespace matches.",
            maxItems=2000,
            items={"minLength": 1, "maxLength": 4096},
            **_ATOMIC,
        ),
        "labelSelectors": _said(
            "Label values that every series must have, whatever item of `metrics` matches it.",
            maxProperties=64,
        ),
        "metricIsolation": _said(
            "Grant only series whose label `namespace` is the namespace of this object."
        ),
        "allowAll": _said(
            "Whether the rules may match every series. Without it such rules are refused, because "
            "most of them are mistakes."
        ),
        "clusters": _said(
            "Clusters whose series are granted, by the names that discovery knows them by; all, if not "
            "set. Backends of which the cluster is not known are none of them. What is limited to "
            "clusters can be queried, and not be delivered.",
            minItems=1,
            maxItems=256,
            items={"minLength": 1, "maxLength": 253},
            **_ATOMIC,
        ),
        "remoteWrite": _said("Delivery of what is granted. None: it can only be queried."),
        "push": _said(
            "Clusters push the samples to the receivers; no source is asked for them. What of them is "
            "taken is what `metrics` permits."
        ),
        "transform": _said(
            "What becomes of the labels of series that leave, after relabelling; queries see them as "
            "they are."
        ),
    },
    spec.RemoteWrite: {
        "enabled": _said("Whether anything is delivered."),
        "target": _said("Where to."),
        "interval": _said("Time between two collections.", **_lasts("5s", "24h")),
        "prometheus": _said("For the type prometheus; may stand inside `target` as well."),
        "pushgateway": _said("For the type pushgateway; may stand inside `target` as well."),
        "remoteWrite": _said("For the type remote_write; may stand inside `target` as well."),
        "extraLabels": _said("Labels that are added to every series.", maxProperties=64),
        "honorLabels": _said(
            "Whether a series' own label wins over an extra label of the same name."
        ),
        "metricRelabelings": _said(
            "Prometheus' metric_relabel_configs, applied before `extraLabels`.",
            maxItems=200,
            **_ATOMIC,
        ),
        "collection": _said(
            "raw: every sample that the source holds, once. latest: the newest one of each series "
            "and interval."
        ),
        "lookback": _said("How far back a gap is made up.", **_lasts("0s", "168h")),
        "protocol": _said("Version of remote write; auto: the newest that the endpoint takes."),
        "telemeter": _said("For the type telemeter; may stand inside `target` as well."),
    },
    spec.Target: {
        "type": _said("Kind of the target."),
        "prometheus": _said("For the type prometheus."),
        "pushgateway": _said("For the type pushgateway."),
        "remoteWrite": _said("For the type remote_write."),
        "telemeter": _said("For the type telemeter."),
    },
    spec.Push: {
        "sources": _said(
            "Ids of the clusters that may push; `*`: every one that holds a credential for this "
            "object.",
            minItems=1,
            maxItems=10000,
            items={"minLength": 1, "maxLength": 255},
            **_ATOMIC,
        ),
        "idLabel": _said(
            "Label that holds the id of the cluster; it is added where it is missing.",
            minLength=1,
            maxLength=128,
        ),
        "labels": _said(
            "Labels that every series gets, and that clusters are told to set.", maxProperties=64
        ),
        "required": _said("Labels without which a series is rejected.", maxItems=64, **_ATOMIC),
        "timestamps": _said(
            "keep: as they are pushed. clamp-future: those in the future become now. overwrite: all "
            "become now."
        ),
        "maxAge": _said("Samples that are older are rejected.", **_lasts("1m", "168h")),
        "interval": _said(
            "Least time between two uploads of a cluster; remote writes are not held to it.",
            **_lasts("0s", "9m"),
        ),
        "strict": _said("Refuse a whole push where one of its series would be rejected."),
        "federate": _said("Whether the newest samples are served on /federate."),
    },
    spec.Transform: {
        "elide": _said("Labels that are dropped.", maxItems=64, **_ATOMIC),
        "rename": _said("Names of metrics, old to new.", maxProperties=1024),
        "anonymise": _said(
            "Labels whose values are replaced by salted digests.", maxItems=64, **_ATOMIC
        ),
        "salt": _said("The salt; without it nothing is delivered whose labels are anonymised."),
    },
    spec.TelemeterTarget: {
        "url": _said("URL below which /authorize and /upload are.", **_URL),
        "clusterId": _said("Id of the cluster that we are.", minLength=1, maxLength=255),
        "credentials": _said("The long-lived credential that a token is got with."),
        "tlsConfig": _said("Certificates of the server and of the client."),
        "uploadInterval": _said("Least time between two uploads.", **_lasts("1s", "24h")),
        "uploadBytes": _said(
            "Largest upload before compression; what is more goes with the next one.",
            format="int32",
            minimum=1000,
            maximum=33554432,
        ),
    },
    spec.ClusterAuthorization: {
        "clusterId": _said("Id of the cluster that we are.", minLength=1, maxLength=255),
        "credentials": _said("The long-lived credential."),
        "url": _said(
            "URL that exchanges it for a token. None: credential and id go together with each "
            "request, as telemeter takes them.",
            **_URL,
        ),
    },
    spec.PrometheusTarget: {
        "serviceName": _said("Service in front of the Prometheus servers.", **_SERVICE),
        "servicePort": _said("Port of the service.", **_PORT),
        "replicas": _said(
            "Number of replicas, each of which gets every sample. None: the service is one "
            "endpoint.",
            format="int32",
            minimum=1,
            maximum=32,
        ),
        "statefulSet": _said(
            "StatefulSet of the replicas, if it is not named as the service.", **_SERVICE
        ),
        "targetNamespace": _said(
            "Namespace of the service, if it is another one that the platform permits.", **_SERVICE
        ),
    },
    spec.PushgatewayTarget: {
        "serviceName": _said("Service in front of the Pushgateway.", **_SERVICE),
        "jobName": _said("Label `job` of the group that is pushed.", minLength=1, maxLength=256),
        "servicePort": _said("Port of the service.", **_PORT),
    },
    spec.RemoteWriteTarget: {
        "url": _said("URL that is posted to, without credentials.", **_URL),
        "headers": _said("Headers of every request. Secrets do not belong here.", maxProperties=64),
        "basicAuth": _said("HTTP basic authentication."),
        "authorization": _said("Header `Authorization` with a token."),
        "oauth2": _said("OAuth 2.0 client credentials."),
        "authorize": _said("Tokens for one cluster, of an endpoint that authorises clusters."),
        "tlsConfig": _said("Certificates of the endpoint and of the client."),
        "secretHeaders": _said("Headers whose values stand in Secrets.", maxProperties=64),
    },
    spec.BasicAuth: {
        "username": _said("User name.", maxLength=1024),
        "passwordSecret": _said("The password."),
    },
    spec.Authorization: {
        "credentials": _said("The token."),
        "type": _said(
            "Authentication scheme.", maxLength=64, pattern="^[-!#$%&'*+.^_`|~0-9A-Za-z]+$"
        ),
    },
    spec.OAuth2: {
        "clientId": _said("Client identifier.", minLength=1, maxLength=1024),
        "clientSecret": _said("The client's secret."),
        "tokenUrl": _said("URL that tokens are fetched from.", **_URL),
        "scopes": _said("Scopes that are asked for.", maxItems=64, **_ATOMIC),
        "endpointParams": _said("Further parameters of the request for a token.", maxProperties=64),
    },
    spec.TlsConfig: {
        "ca": _said("CA certificates, PEM, that sign the endpoint's. None: those of the system."),
        "cert": _said("Client certificate, PEM."),
        "keySecret": _said("Private key of the client certificate, PEM."),
        "serverName": _said("Name that the endpoint's certificate must have.", maxLength=253),
    },
    spec.SecretKey: {
        "name": _said("Secret in the namespace of this object.", **_SECRET_NAME),
        "key": _said("Key within the Secret.", **_SECRET_KEY),
    },
    spec.Relabeling: {
        "source_labels": _said("As in Prometheus' configuration.", maxItems=64, **_ATOMIC),
        "sourceLabels": _said("As in the Prometheus operator's.", maxItems=64, **_ATOMIC),
        "separator": _said("Stands between the values of the source labels; `;` if not set."),
        "regex": _said("RE2, anchored at both ends; `(.*)` if not set.", maxLength=4096),
        "modulus": _said("For the action hashmod.", format="int64", minimum=0),
        "target_label": _said("As in Prometheus' configuration."),
        "targetLabel": _said("As in the Prometheus operator's."),
        "replacement": _said("Template of the new value; `$1` if not set."),
        "action": _said(
            "replace (if not set), keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, "
            "labelkeep, lowercase or uppercase."
        ),
    },
    status.Status: {
        "observedGeneration": _said(
            "metadata.generation of the object that all of this is about.",
            format="int64",
            minimum=0,
        ),
        "conditions": _said(
            "Ready, Valid, Collecting, Delivering, BoundaryApplied.",
            **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
        "rules": _said(
            "Rules that are in force, within the platform's boundaries.", format="int32", minimum=0
        ),
        "validatedMetrics": _said(
            "Items of spec.metrics that are in force; of very many, the first ones.", **_ATOMIC
        ),
        "remoteWrite": _said("How the delivery is doing."),
        "lastUpdated": _said("When the status was written last.", **_TIME),
    },
    status.Condition: {
        "type": _said("What it is about.", maxLength=316),
        "status": _said("Whether it is so."),
        "reason": _said(
            "Why, as one word.",
            minLength=1,
            maxLength=1024,
            pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        ),
        "message": _said("Why, for people; may be empty.", maxLength=32768),
        "lastTransitionTime": _said("Since when the status is what it is.", **_TIME),
        "observedGeneration": _said(
            "metadata.generation of the object that it is about.", format="int64", minimum=0
        ),
    },
    status.RemoteWrite: {
        "active": _said("Whether a collector works on it."),
        "lastCollection": _said("End of the newest span that was collected.", **_TIME),
        "metricsCollected": _said("Series in the last collection.", format="int64", minimum=0),
        "lagSeconds": _said(
            "Age of the newest sample that every endpoint has.", format="int64", minimum=0
        ),
        "lastError": _said("What keeps it from going on at present."),
        "replicas": _said(
            "The endpoints.",
            **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["endpoint"]},
        ),
    },
    status.Replica: {
        "endpoint": _said("Name of the endpoint."),
        "lastDelivery": _said("Everything up to there is stored.", **_TIME),
        "lagSeconds": _said("Age of that.", format="int64", minimum=0),
        "pending": _said("Batches that wait for it.", format="int64", minimum=0),
        "rejected": _said(
            "Series that it refused since the writers were started.", format="int64", minimum=0
        ),
        "lastError": _said("Why it does not get what it should."),
    },
}
"""Struct → field, as it is written → what its schema has besides its type."""
