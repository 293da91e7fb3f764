/* The two sides of the forwarder: a TUN device for inner packets, a UDP socket for ESP. */
#ifndef CEILING_LINKS_H
#define CEILING_LINKS_H

#include <stdint.h>

/* A TUN device that takes and gives packets of up to 64 KiB with a virtio_net_hdr in front of each. */
int tun_open(const char *name);

/* A socket between two addresses on one port, whose datagrams are coalesced by the kernel. */
int udp_open(const char *local, const char *remote, uint16_t port);

#endif
