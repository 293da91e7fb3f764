#define _GNU_SOURCE
#include "clinux_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static long checked(long result) { return result < 0 ? -errno : result; }

int lx_unix_stream_socket(void) { return (int)checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

int lx_set_stream_timeout(int fd, int seconds) {
    struct timeval timeout = {.tv_sec = seconds};
    long result = checked(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
    return (int)(result < 0 ? result : checked(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout)));
}

int lx_connect_unix(int fd, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    return (int)checked(connect(fd, (const struct sockaddr *)&address, sizeof address));
}

long lx_stream_send(int fd, const void *bytes, size_t count) { return checked(send(fd, bytes, count, MSG_NOSIGNAL)); }

long lx_write(int fd, const void *bytes, size_t count) { return checked(write(fd, bytes, count)); }
