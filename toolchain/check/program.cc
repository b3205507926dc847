// SPDX-License-Identifier: GPL-2.0-or-later
// One call at least into each library of the sysroot, with results that are known beforehand.
#include <blkid/blkid.h>
#include <linux/kexec.h>
#include <pthread.h>
#include <qrencode.h>
#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

int failures = 0;

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "program: %s\n", what);
  ++failures;
}

void CheckThreads() {
  std::atomic<uint64_t> sum{0};
  std::mutex mutex;
  std::condition_variable all_started;
  int started = 0;
  std::vector<std::thread> threads;
  for (uint64_t number = 1; number <= 4; ++number) {
    threads.emplace_back([&, number] {
      std::unique_lock lock(mutex);
      if (++started == 4) all_started.notify_all();
      all_started.wait(lock, [&] { return started == 4; });
      lock.unlock();
      for (int i = 0; i < 1000; ++i) sum += number;
    });
  }
  for (std::thread& thread : threads) thread.join();
  Expect(sum == 10000, "std::thread: wrong sum");

  pthread_t thread;
  const auto body = [](void* argument) -> void* {
    static_cast<std::atomic<uint64_t>*>(argument)->store(1);
    return nullptr;
  };
  Expect(pthread_create(&thread, nullptr, body, &sum) == 0, "pthread_create failed");
  pthread_join(thread, nullptr);
  Expect(sum == 1, "pthread_create: thread did not run");
}

void CheckZstd() {
  const std::string plain(100000, 'x');
  std::vector<char> packed(ZSTD_compressBound(plain.size()));
  const size_t packed_size = ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 1);
  Expect(!ZSTD_isError(packed_size) && packed_size < 100, "zstd: does not compress");
  std::string unpacked(plain.size(), '\0');
  const size_t unpacked_size = ZSTD_decompress(unpacked.data(), unpacked.size(), packed.data(), packed_size);
  Expect(unpacked_size == plain.size() && unpacked == plain, "zstd: not what was compressed");
}

void CheckZlib() {
  const std::string plain(100000, 'x');
  std::vector<Bytef> packed(compressBound(plain.size()));
  uLongf packed_size = packed.size();
  Expect(compress(packed.data(), &packed_size, reinterpret_cast<const Bytef*>(plain.data()), plain.size()) == Z_OK &&
             packed_size < 1000,
         "zlib: does not compress");
  std::string unpacked(plain.size(), '\0');
  uLongf unpacked_size = unpacked.size();
  Expect(uncompress(reinterpret_cast<Bytef*>(unpacked.data()), &unpacked_size, packed.data(), packed_size) == Z_OK &&
             unpacked == plain,
         "zlib: not what was compressed");
}

// A swap area (Linux include/linux/swap.h, union swap_header), as mkswap leaves it.
void CheckBlkid() {
  constexpr size_t kPageSize = 4096;
  std::vector<unsigned char> image(64 * kPageSize);
  const uint32_t version_and_last_page[] = {1, 63};
  std::memcpy(&image[1024], version_and_last_page, sizeof version_and_last_page);
  for (unsigned char i = 0; i < 16; ++i) image[1036 + i] = i;
  std::memcpy(&image[kPageSize - 10], "SWAPSPACE2", 10);
  const int fd = memfd_create("swap", MFD_CLOEXEC);
  Expect(write(fd, image.data(), image.size()) == static_cast<ssize_t>(image.size()), "memfd: short write");

  blkid_probe probe = blkid_new_probe();
  Expect(blkid_probe_set_device(probe, fd, 0, 0) == 0, "blkid: does not take the image");
  blkid_probe_enable_superblocks(probe, 1);
  Expect(blkid_do_safeprobe(probe) == 0, "blkid: recognises nothing");
  const char* type = "";
  const char* uuid = "";
  blkid_probe_lookup_value(probe, "TYPE", &type, nullptr);
  blkid_probe_lookup_value(probe, "UUID", &uuid, nullptr);
  Expect(std::strcmp(type, "swap") == 0, "blkid: type is not swap");
  Expect(std::strcmp(uuid, "00010203-0405-0607-0809-0a0b0c0d0e0f") == 0, "blkid: wrong UUID");
  blkid_free_probe(probe);
  close(fd);
}

void CheckSodium() {
  Expect(sodium_init() >= 0, "sodium_init failed");
  // BLAKE2b of "abc": RFC 7693, appendix A.
  unsigned char hash[64];
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>("abc"), 3, nullptr, 0);
  char hex[2 * sizeof hash + 1];
  sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
  Expect(std::strncmp(hex, "ba80a53f981c4d0d6a2797b69f12f6e9", 32) == 0, "sodium: wrong BLAKE2b");
  unsigned char key[crypto_stream_xchacha20_KEYBYTES] = {1};
  unsigned char nonce[crypto_stream_xchacha20_NONCEBYTES] = {2};
  unsigned char text[1000] = {3};
  crypto_stream_xchacha20_xor_ic(text, text, sizeof text, nonce, 1, key);
  Expect(text[0] != 3, "sodium: XChaCha20 leaves the text as it is");
  crypto_stream_xchacha20_xor_ic(text, text, sizeof text, nonce, 1, key);
  Expect(text[0] == 3 && sodium_is_zero(text + 1, sizeof text - 1) == 1, "sodium: XChaCha20 is not its own inverse");
}

void CheckQrencode() {
  const unsigned char text[] = "abc";
  QRcode* const code = QRcode_encodeData(3, text, 0, QR_ECLEVEL_L);
  // ISO/IEC 18004: version 1, and the corner of a finder pattern, which is dark.
  Expect(code != nullptr && code->width == 21 && (code->data[0] & 1) == 1, "qrencode: no code of version 1");
  if (code != nullptr) QRcode_free(code);
}

// What the compiler calls its own library for: 64-bit division on 32-bit machines, 128-bit division on 64-bit ones.
void CheckBuiltins() {
  volatile uint64_t dividend = 0x123456789abcdef0;
  volatile uint64_t divisor = 0x1000003;
  Expect(dividend / divisor * divisor + dividend % divisor == dividend, "64-bit division is wrong");
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  volatile Wide wide = dividend;
  wide = wide << 32;
  Expect(wide / divisor * divisor + wide % divisor == wide, "128-bit division is wrong");
#endif
}

}  // namespace

int main() {
  CheckThreads();
  CheckZstd();
  CheckZlib();
  CheckBlkid();
  CheckSodium();
  CheckQrencode();
  CheckBuiltins();
  return failures == 0 && KEXEC_FILE_UNLOAD == 1 ? 0 : 1;
}
