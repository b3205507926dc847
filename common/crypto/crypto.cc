// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/crypto/crypto.h"

#include <sodium.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "common/base/endian.h"

namespace crashdump {
namespace {

static_assert(Key::kBytes == crypto_generichash_blake2b_KEYBYTES);
static_assert(Key::kBytes == crypto_stream_xchacha20_KEYBYTES);
static_assert(sizeof(Hash) == crypto_generichash_blake2b_BYTES);
static_assert(kStreamNonceBytes == crypto_stream_xchacha20_NONCEBYTES);
static_assert(sizeof(crypto_generichash_blake2b_state) <= 384 && alignof(crypto_generichash_blake2b_state) <= 64);

uint64_t Nanoseconds(clockid_t clock) {
  timespec now{};
  (void)clock_gettime(clock, &now);  // a clock that fails contributes nothing
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

// The ingredients of RandomBytesNoWait() while the kernel has none ready. The counter makes all calls of one process
// differ, the rest makes processes and boots differ; AT_RANDOM is 16 bytes that the kernel gave this process at its
// start, from the same unseeded generator but stirred with the timing of everything up to then.
struct WeakSeed {
  le64 counter;
  le64 realtime;
  le64 monotonic;
  le64 processor_time;
  le64 process;
  uint8_t at_random[16];
};

void FillWithoutEntropy(MutableBytes out) {
  static std::atomic<uint64_t> counter{0};
  WeakSeed seed{};
  seed.realtime = Nanoseconds(CLOCK_REALTIME);
  seed.process = static_cast<uint64_t>(getpid());
  // The address comes from the kernel as an integer.
  const auto* at_random = reinterpret_cast<const uint8_t*>(getauxval(AT_RANDOM));  // NOLINT(performance-no-int-to-ptr)
  if (at_random != nullptr) memcpy(seed.at_random, at_random, sizeof(seed.at_random));
  while (!out.empty()) {
    seed.counter = counter.fetch_add(1);
    seed.monotonic = Nanoseconds(CLOCK_MONOTONIC);
    seed.processor_time = Nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const Hash block = Hash256(BytesOf(seed));
    const size_t count = out.size() < block.size() ? out.size() : block.size();
    memcpy(out.data(), block.data(), count);
    out = out.subspan(count);
  }
}

const char* SourceName() { return "getrandom, without waiting"; }

void SourceFill(void* const buffer, const size_t size) { RandomBytesNoWait({static_cast<uint8_t*>(buffer), size}); }

uint32_t SourceNumber() {
  uint32_t number = 0;
  SourceFill(&number, sizeof(number));
  return number;
}

}  // namespace

Result<> InitializeCrypto() {
  static const bool ready = [] {
    // Without stir and close: getrandom() has no state of ours. libsodium keeps the pointer.
    static randombytes_implementation source = {SourceName, SourceNumber, nullptr, nullptr, SourceFill, nullptr};
    return randombytes_set_implementation(&source) == 0 && sodium_init() >= 0;
  }();
  if (!ready) return Error::Format(ErrorCode::kUnsupported, "libsodium cannot be initialised on this machine");
  return {};
}

Result<> RandomBytes(MutableBytes out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      return Error::Os(errno, "getrandom");
    }
    out = out.subspan(static_cast<size_t>(count));
  }
  return {};
}

void RandomBytesNoWait(MutableBytes out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), GRND_NONBLOCK);
    if (count < 0) {
      if (errno == EINTR) continue;
      return FillWithoutEntropy(out);
    }
    out = out.subspan(static_cast<size_t>(count));
  }
}

void Wipe(MutableBytes bytes) { sodium_memzero(bytes.data(), bytes.size()); }

bool ConstantTimeEqual(Bytes a, Bytes b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

Key::Key(Bytes bytes) {
  Require(bytes.size() == kBytes);
  memcpy(bytes_.data(), bytes.data(), kBytes);
}

Key::~Key() { Wipe(bytes_); }

Key::Key(Key&& other) noexcept : bytes_(other.bytes_) { Wipe(other.bytes_); }

Key& Key::operator=(Key&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    Wipe(other.bytes_);
  }
  return *this;
}

Result<Key> Key::Generate() {
  Key key;
  TRY(RandomBytes(key.mutable_bytes()));
  return key;
}

Key Key::Copy() const { return Key(bytes_); }

namespace {

crypto_generichash_blake2b_state* Sodium(std::array<uint8_t, 384>& state) {
  return reinterpret_cast<crypto_generichash_blake2b_state*>(state.data());
}

}  // namespace

// These functions of libsodium fail only for lengths that the static assertions exclude.
HashStream::HashStream() { Require(crypto_generichash_blake2b_init(Sodium(state_), nullptr, 0, sizeof(Hash)) == 0); }

HashStream::HashStream(const Key& key) {
  Require(crypto_generichash_blake2b_init(Sodium(state_), key.bytes().data(), Key::kBytes, sizeof(Hash)) == 0);
}

HashStream::~HashStream() { Wipe(state_); }

void HashStream::Update(Bytes data) {
  Require(crypto_generichash_blake2b_update(Sodium(state_), data.data(), data.size()) == 0);
}

Hash HashStream::Current() const {
  HashStream copy = *this;
  Hash hash{};
  Require(crypto_generichash_blake2b_final(Sodium(copy.state_), hash.data(), hash.size()) == 0);
  return hash;
}

Hash Hash256(Bytes data) {
  HashStream stream;
  stream.Update(data);
  return stream.Current();
}

Hash Hash256(const Key& key, Bytes data) {
  HashStream stream(key);
  stream.Update(data);
  return stream.Current();
}

void XorStream(const Key& key, const std::array<uint8_t, kStreamNonceBytes>& nonce, MutableBytes data) {
  Require(crypto_stream_xchacha20_xor(data.data(), data.data(), data.size(), nonce.data(), key.bytes().data()) == 0);
}

}  // namespace crashdump
