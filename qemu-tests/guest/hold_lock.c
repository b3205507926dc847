// SPDX-License-Identifier: GPL-2.0-or-later
// hold_lock FILE: takes the flock(2) of FILE, says so on standard output, and keeps it until it is killed. The guest's BusyBox has no
// such command.
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: hold_lock FILE\n");
    return 2;
  }
  int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
  if (fd < 0 || flock(fd, LOCK_EX) != 0) {
    perror(argv[1]);
    return 1;
  }
  puts("held");
  fflush(stdout);
  for (;;) pause();
}
