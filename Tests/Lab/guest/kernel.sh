# shellcheck shell=bash
# Prepares the kernel of a guest in User-Mode Linux, which nobody else uses.

kernel_prepare() {
    load_modules
    forwarding_on
    warm_up_ciphers
}

# Everything the scenarios use is loaded at once and by name, and then the kernel is told not to look for modules any more:
# it starts modprobe some dozens of times for the first ESP state with a cipher, which takes seconds here and would be blamed
# on the gateway.
load_modules() {
    modprobe -a veth bridge esp4 esp6 xfrm_user af_key iptable_nat iptable_filter ip6table_filter xt_MASQUERADE xt_nat xt_tcpudp \
        iptable_mangle xt_DSCP tun nf_conntrack_netlink gcm ctr ghash-generic ccm cbc hmac authenc authencesn seqiv echainiv \
        chacha20poly1305 chacha_generic poly1305_generic sha512_generic drbg jitterentropy_rng af_packet sch_netem 2>/dev/null || true
    echo >/proc/sys/kernel/modprobe
}

# The first ESP state with a cipher makes the kernel look for drivers and test them, 2 s here.
warm_up_ciphers() {
    local key32=0x0101010101010101010101010101010101010101010101010101010101010101
    ip -batch - <<BATCH
xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 1 mode tunnel aead rfc4106(gcm(aes)) ${key32:0:42} 128
xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 2 mode tunnel enc cbc(aes) $key32 auth-trunc hmac(sha256) $key32 128
xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 3 mode tunnel aead rfc7539esp(chacha20,poly1305) ${key32}01010101 128
xfrm state flush
BATCH
}

# Namespaces made after this inherit it, which saves two processes (0.1 s each) per namespace.
forwarding_on() {
    echo 1 >/proc/sys/net/core/devconf_inherit_init_net
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
}
