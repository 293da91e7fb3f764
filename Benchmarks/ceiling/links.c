#include "links.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* What a burst of several super-packets needs. */
enum { SOCKET_BUFFER = 8 << 20 };

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

int tun_open(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4, udp = TUN_F_USO4 | TUN_F_USO6;
    const int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tun < 0)
        give_up("/dev/net/tun");
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(tun, TUNSETIFF, &request) < 0)
        give_up("TUNSETIFF");
    /* The kernel takes both of USO4 and USO6 or none. An older one does without. */
    if (ioctl(tun, TUNSETOFFLOAD, tcp | udp) < 0 && ioctl(tun, TUNSETOFFLOAD, tcp) < 0)
        give_up("TUNSETOFFLOAD");
    return tun;
}

static struct sockaddr_in endpoint(const char *address, uint16_t port)
{
    struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, address, &result.sin_addr) != 1) {
        fprintf(stderr, "esp-ceiling: %s is not an IPv4 address\n", address);
        exit(2);
    }
    return result;
}

int udp_open(const char *local, const char *remote, uint16_t port)
{
    const struct sockaddr_in here = endpoint(local, port), there = endpoint(remote, port);
    const int on = 1, buffer = SOCKET_BUFFER;
    const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (udp < 0)
        give_up("socket");
    if (setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0
        || setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0)
        give_up("socket buffers");
    if (setsockopt(udp, IPPROTO_UDP, UDP_GRO, &on, sizeof on) < 0)
        give_up("UDP_GRO");
    if (bind(udp, (const struct sockaddr *)&here, sizeof here) < 0)
        give_up("bind");
    if (connect(udp, (const struct sockaddr *)&there, sizeof there) < 0)
        give_up("connect");
    return udp;
}
