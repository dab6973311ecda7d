"""The page shows every tenant, object and file, each with what is wrong."""

from tenant_controller import catalogue, compile, config, debug, platform_settings

MANIFEST = """\
apiVersion: observability.ethos.io/v1alpha1
kind: MetricAccess
metadata: {name: web, namespace: team-web}
spec:
  source: s
  metrics: [up, '{job="a.*"}']
  remoteWrite:
    enabled: true
    target: {type: prometheus, prometheus: {serviceName: prometheus}}
"""


def test_the_page_is_complete() -> None:
    platform = platform_settings.parse(config.Config(folder=config.Folder(path="m")))
    desired = compile.everything(
        catalogue.read({"a.yaml": MANIFEST, "b.yaml": "a: [", "c.yaml": "kind: Pod"}), platform
    )

    page = debug.page(True, "", desired)

    doubt = {
        "file": "a.yaml",
        "line": 6,
        "severity": "warning",
        "path": "$.spec.metrics[1]",
        "message": 'job="a.*" compares with that very text; for a regular expression write =~',
    }
    assert page == {
        "leading": True,
        "source_problem": "",
        "tenants": [
            {
                "tenant": "team-web",
                "digest": desired.policies["team-web"].digest,
                "objects": ("web",),
                "rules": ["up", '{job="a.*"}'],
            }
        ],
        "objects": [
            {
                "object": "team-web/web",
                "file": "a.yaml",
                "line": 1,
                "valid": True,
                "rules": ["up", '{job="a.*"}'],
                "endpoints": ["http://prometheus.team-web.svc.cluster.local:9090/api/v1/write"],
                "problems": [doubt],
            }
        ],
        "files": [
            {
                "file": "b.yaml",
                "line": 1,
                "severity": "error",
                "path": "line 1",
                "message": "not YAML: column 5: while parsing a flow node, expected the node "
                "content, but found '<stream end>'",
            },
            {
                "file": "c.yaml",
                "line": 1,
                "severity": "warning",
                "path": "$",
                "message": "ignored: Pod is not MetricAccess of observability.ethos.io",
            },
        ],
    }
