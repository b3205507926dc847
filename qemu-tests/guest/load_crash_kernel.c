// SPDX-License-Identifier: GPL-2.0-or-later
// load_crash_kernel KERNEL INITRAMFS COMMAND-LINE: loads a crash kernel and nothing else. The harness tests itself with it, so that a
// failure there says nothing about the product, whose own loader is in loader/.
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: load_crash_kernel KERNEL INITRAMFS COMMAND-LINE\n");
    return 2;
  }
  const int kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
  const int initramfs = open(argv[2], O_RDONLY | O_CLOEXEC);
  if (kernel < 0 || initramfs < 0) {
    perror(kernel < 0 ? argv[1] : argv[2]);
    return 1;
  }
  if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(argv[3]) + 1, argv[3], (unsigned long)KEXEC_FILE_ON_CRASH) != 0) {
    perror("kexec_file_load");
    return 1;
  }
  return 0;
}
