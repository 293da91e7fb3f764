#pragma once
// Unix stream sockets that block, for programs that ask one thing and end; in the manner of clinux.h.
#include <stddef.h>

int lx_unix_stream_socket(void);
/// Sending and receiving fail with -EAGAIN after `seconds` in which nothing moved.
int lx_set_stream_timeout(int fd, int seconds);
/// -ENAMETOOLONG for a path that no socket can have.
int lx_connect_unix(int fd, const char *path);
/// Sends without raising SIGPIPE.
long lx_stream_send(int fd, const void *bytes, size_t count);

long lx_write(int fd, const void *bytes, size_t count);
