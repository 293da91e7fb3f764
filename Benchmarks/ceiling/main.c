/*
 * What C can do here: the fastest user-space ESP that we know how to write, as the measure for Culvert's.
 *
 *     esp-ceiling DEVICE LOCAL REMOTE PORT openssl|ipsec-mb
 *
 * Makes the TUN device and forwards between it and UDP, with AES-128-GCM under a fixed key, until a signal
 * ends it. TUN has segmentation offload and UDP has GSO and GRO, so one system call moves up to 64 KiB. It
 * does what a correct exchange of packets needs and no more: one SA, no selectors, no ECN, no IPv6, no
 * counters. An address and an MTU are the caller's work.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "links.h"

struct direction {
    int tun;
    int udp;
    struct esp_sa *sa;
};

static void *run_outbound(void *argument)
{
    const struct direction *direction = argument;
    forward_outbound(direction->tun, direction->udp, direction->sa);
    return NULL;
}

int main(int count, char **arguments)
{
    const int with_openssl = count == 6 && strcmp(arguments[5], "openssl") == 0;
    if (count != 6 || (!with_openssl && strcmp(arguments[5], "ipsec-mb") != 0)) {
        fprintf(stderr, "usage: esp-ceiling DEVICE LOCAL REMOTE PORT openssl|ipsec-mb\n");
        return 2;
    }
    const enum cipher_library library = with_openssl ? WITH_OPENSSL : WITH_IPSEC_MB;
    const int tun = tun_open(arguments[1]);
    const int udp = udp_open(arguments[2], arguments[3], (uint16_t)atoi(arguments[4]));
    struct direction outbound = {tun, udp, esp_sa_create(library, 1)};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_outbound, &outbound) != 0)
        return 1;
    forward_inbound(udp, tun, esp_sa_create(library, 0));
}
