// SPDX-License-Identifier: GPL-2.0-or-later
// record_memory DEVICE BUFFER-MIB: writes to a block device what the kernel says of its memory, and its messages. The
// buffer is taken before the first is read, the device is written without the page cache, and the child that holds the
// buffer lives on: what was recorded is as it was recorded. On the device, for each record: a line "NAME LENGTH" and
// LENGTH bytes; then the line "end 0".
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
  const char* name;
  const char* path;
} kRecords[] = {
    {"iomem", "/proc/iomem"},           {"swaps", "/proc/swaps"},           {"meminfo", "/proc/meminfo"},
    {"zoneinfo", "/proc/zoneinfo"},     {"buddyinfo", "/proc/buddyinfo"},   {"vmstat", "/proc/vmstat"},
    {"kpageflags", "/proc/kpageflags"}, {"kpagecount", "/proc/kpagecount"}, {"vmstat-after", "/proc/vmstat"},
};
enum { kHeader = 64, kBlock = 4096 };

static char* buffer;
static size_t size;
static size_t used;

static void Fail(const char* what) {
  perror(what);
  exit(1);
}

static void AddHeader(const char* name, size_t length) {
  used += (size_t)sprintf(buffer + used, "%s %zu\n", name, length);
}

// The content has been read behind the place of its header, whose length is known only now.
static void FinishRecord(const char* name, size_t begin, size_t length) {
  AddHeader(name, length);
  memmove(buffer + used, buffer + begin, length);
  used += length;
}

static void AddRecord(const char* name, const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) Fail(path);
  // kpageflags and kpagecount are read in multiples of 8 bytes at multiples of 8.
  const size_t begin = used + kHeader;
  size_t length = 0;
  for (;;) {
    const size_t room = size - begin - length;
    const ssize_t got = read(fd, buffer + begin + length, (room < (1 << 20) ? room : (1 << 20)) & ~(size_t)7);
    if (got < 0 || room < kBlock) Fail(path);
    if (got == 0) break;
    length += (size_t)got;
  }
  close(fd);
  FinishRecord(name, begin, length);
}

// All messages, with priority and time.
static void AddMessages(void) {
  const size_t begin = used + kHeader;
  const int length = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, buffer + begin, (int)(size - begin - kBlock));
  if (length < 0) Fail("syslog");
  FinishRecord("dmesg", begin, (size_t)length);
}

static void Record(const char* device) {
  buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
  if (buffer == MAP_FAILED) Fail("mmap");
  const int output = open(device, O_WRONLY | O_DIRECT | O_CLOEXEC);
  if (output < 0) Fail(device);
  // The processors' own counts are added up, which /proc/vmstat does by itself only every second (mm/vmstat.c).
  const int refresh = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
  if (refresh < 0 || write(refresh, "1", 1) != 1) Fail("/proc/sys/vm/stat_refresh");
  for (size_t i = 0; i < sizeof(kRecords) / sizeof(kRecords[0]); ++i) AddRecord(kRecords[i].name, kRecords[i].path);
  AddMessages();
  AddHeader("end", 0);
  const size_t length = (used + kBlock - 1) / kBlock * kBlock;
  if (pwrite(output, buffer, length, 0) != (ssize_t)length) Fail(device);
}

int main(int argc, char** argv) {
  int ready[2];
  if (argc != 3) {
    fprintf(stderr, "usage: record_memory DEVICE BUFFER-MIB\n");
    return 2;
  }
  size = strtoul(argv[2], NULL, 10) << 20;
  if (pipe(ready) != 0) Fail("pipe");
  if (fork() == 0) {
    close(ready[0]);
    setsid();
    Record(argv[1]);
    if (write(ready[1], "", 1) != 1) Fail("pipe");
    for (;;) pause();
  }
  close(ready[1]);
  char byte;
  return read(ready[0], &byte, 1) == 1 ? 0 : 1;
}
