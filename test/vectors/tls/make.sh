#!/usr/bin/env bash
# Makes the certificates of this folder anew: P-256, valid for a hundred years, for tests only.
set -euo pipefail
cd "$(dirname "$0")"
key() { openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out "$1.key.pem"; }
authority() { key "$1"; openssl req -x509 -new -key "$1.key.pem" -days 36500 -subj "/CN=fedloom test $1" -out "$1.pem" 2>/dev/null; }
signed() {
  key "$1"
  openssl req -new -key "$1.key.pem" -subj "/CN=$1" 2>/dev/null |
    openssl x509 -req -CA "$2.pem" -CAkey "$2.key.pem" -CAcreateserial -days 36500 -out "$1.pem" -extfile <(echo "$3") 2>/dev/null
}
authority ca
authority other-ca
signed server ca 'subjectAltName=IP:127.0.0.1,DNS:localhost'
signed client ca 'extendedKeyUsage=clientAuth'
signed stranger other-ca 'extendedKeyUsage=clientAuth'
rm -f ./*.srl ca.key.pem other-ca.key.pem
