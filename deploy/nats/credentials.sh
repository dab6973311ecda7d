#!/bin/sh
# Print the Secrets that NATS and the services need, as manifests: a CA and a certificate for the nodes,
# and a password for each user of accounts.conf. Needs openssl.
#
#   deploy/nats/credentials.sh tenantry-system | kubectl apply -f -
#
# Every run makes new ones; apply them all, then restart NATS and the services. The CA's key is
# thrown away: what is to be trusted longer than DAYS, or renewed, is a matter for cert-manager
# (docs/operating/kubernetes.md).
set -eu
NAMESPACE=${1:-tenantry-system}
DAYS=${DAYS:-825}
USERS='provision discovery tenant-controller query-gateway collector writer receiver operator'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

names() { # every name under which a node or the service is reached
    for name in nats nats-0.nats-nodes nats-1.nats-nodes nats-2.nats-nodes; do
        printf 'DNS:%s,DNS:%s.%s,DNS:%s.%s.svc,' "$name" "$name" "$NAMESPACE" "$name" "$NAMESPACE"
    done
    printf 'DNS:localhost,IP:127.0.0.1'   # kubectl port-forward
}

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

certificates() {
    key ca.key
    openssl req -x509 -new -key ca.key -sha256 -days "$DAYS" -subj '/CN=tenantry nats' -out ca.crt \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
    key tls.key
    openssl req -new -key tls.key -subj '/CN=nats' -out tls.csr
    {
        echo 'basicConstraints=critical,CA:FALSE'
        echo 'keyUsage=critical,digitalSignature'
        echo 'extendedKeyUsage=serverAuth,clientAuth'
        echo "subjectAltName=$(names)"
    } >extensions
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -sha256 -days "$DAYS" \
        -extfile extensions -out tls.crt
}

secret() { # name, type, then the files that are its keys
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\n' "$1" "$NAMESPACE"
    printf '  labels: {app.kubernetes.io/part-of: tenantry}\ntype: %s\ndata:\n' "$2"
    shift 2
    for file; do printf '  %s: %s\n' "$file" "$(base64 <"$file" | tr -d '\n')"; done
}

certificates 2>/dev/null
secret nats-tls kubernetes.io/tls ca.crt tls.crt tls.key
for user in $USERS; do
    # A letter in front: NATS reads values of its environment as its own format.
    printf 'p%s' "$(openssl rand -hex 32)" >password
    secret "nats-$user" Opaque password
done
