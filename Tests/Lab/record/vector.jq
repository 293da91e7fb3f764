# Puts messages and key derivations together. Derivations come in the order of the exchanges that caused them: IKE_SA_INIT,
# IKE_AUTH, then every CREATE_CHILD_SA; the nonces of the k-th derivation are therefore those of the k-th such exchange
# (the CHILD_SA of IKE_AUTH uses the nonces of IKE_SA_INIT, RFC 7296 §2.17).

# Requests and answers of the exchanges that carry nonces, in the order of their requests.
def exchanges:
    reduce ($messages[] | select(.nonce != "")) as $m ([];
        ($m.exchange + $m.spi_i + ($m.message_id | tostring)) as $key
        | (map(.key) | index($key)) as $at
        | if $at == null then . + [{key: $key, first: $m.nonce}] else .[$at].second = $m.nonce end);

def with_nonces($exchange): . + {ni: $exchange.first, nr: $exchange.second};

# Which exchange caused derivation number $i.
def cause($i; $d): if $i == 0 then 0 elif $i == 1 and $d.kind == "child" then 0 else $i - 1 end;

def spi_pairs: reduce ($messages[] | {spi_i, spi_r} | select(.spi_r != "0000000000000000")) as $p ([];
    if index([$p]) then . else . + [$p] end);

exchanges as $exchanges
| [range($derivations | length) as $i | $derivations[$i] as $d | $d | with_nonces($exchanges[cause($i; $d)])] as $keys
| [$keys[] | select(.kind == "ike") | del(.kind)] as $ike
| {source: $source, psk: $psk, idi: $idi, idr: $idr}
  + $ike[0]
  + {rekeyed_ike_sas: [range(1; $ike | length) as $i | spi_pairs[$i] + $ike[$i]],
     child_sas: [$keys[] | select(.kind == "child") | del(.kind)],
     messages: [$messages[] | del(.nonce)]}
