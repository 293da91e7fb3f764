/* The two directions. Each runs in a thread of its own, owns its SA, and does not return. */
#ifndef CEILING_FORWARD_H
#define CEILING_FORWARD_H

#include "esp.h"

enum {
    VNET_SUPER_PACKET = 65535,
    /* What one UDP datagram over IPv4 can carry. */
    LARGEST_DATAGRAM = 65507,
};

/* TUN to UDP: cuts super-packets into segments, seals them, sends many of them by one call. */
void forward_outbound(int tun, int udp, struct esp_sa *sa);

/* UDP to TUN: opens ESP packets, and writes consecutive TCP segments as one super-packet. */
void forward_inbound(int udp, int tun, struct esp_sa *sa);

#endif
