// SPDX-License-Identifier: GPL-2.0-or-later
// The algorithms are checked against published values, the rest against its contract.
#include "common/crypto/crypto.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/parse.h"
#include "common/testing/seccomp.h"

namespace crashdump {
namespace {

class Crypto : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }
};

std::vector<uint8_t> FromHex(const std::string& text) {
  std::vector<uint8_t> bytes(text.size() / 2);
  EXPECT_TRUE(ParseHex(text, bytes).ok());
  return bytes;
}

std::vector<uint8_t> CountingBytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

TEST_F(Crypto, InitializesMoreThanOnce) { EXPECT_TRUE(InitializeCrypto().ok()); }

// hashlib.blake2b(b"abc", digest_size=32)
TEST_F(Crypto, HashesAsBlake2b256) {
  EXPECT_EQ(ToHex(Hash256(BytesOf(std::string_view("abc")))),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  EXPECT_EQ(ToHex(Hash256(Bytes{})), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

// hashlib.blake2b(b"abc", digest_size=32, key=bytes(range(32)))
TEST_F(Crypto, HashesWithKeyAsBlake2b256) {
  const Key key(CountingBytes(32));
  EXPECT_EQ(ToHex(Hash256(key, BytesOf(std::string_view("abc")))),
            "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f");
}

TEST_F(Crypto, StreamedHashEqualsHashInOnePiece) {
  const std::vector<uint8_t> data = CountingBytes(100'000);
  const Key key(CountingBytes(32));
  HashStream plain;
  HashStream keyed(key);
  for (size_t begin = 0, step = 1; begin < data.size(); begin += step, step = step * 3 + 1) {
    if (step > data.size() - begin) step = data.size() - begin;
    plain.Update(Bytes(data).subspan(begin, step));
    keyed.Update(Bytes(data).subspan(begin, step));
    (void)keyed.Current();  // looking at it must not disturb it
  }
  EXPECT_EQ(plain.Current(), Hash256(data));
  EXPECT_EQ(keyed.Current(), Hash256(key, data));
  EXPECT_NE(plain.Current(), keyed.Current());
}

TEST_F(Crypto, CopiesOfAStreamGoOnIndependently) {
  HashStream stream;
  stream.Update(BytesOf(std::string_view("a")));
  HashStream copy = stream;
  copy.Update(BytesOf(std::string_view("b")));
  EXPECT_EQ(stream.Current(), Hash256(BytesOf(std::string_view("a"))));
  EXPECT_EQ(copy.Current(), Hash256(BytesOf(std::string_view("ab"))));
}

// draft-irtf-cfrg-xchacha-03, A.3.2: the key stream with block counter 0 begins so (computed independently from the
// HChaCha20 and ChaCha20 definitions there).
TEST_F(Crypto, EncryptsAsXChaCha20) {
  const Key key(FromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"));
  std::array<uint8_t, kStreamNonceBytes> nonce{};
  ASSERT_TRUE(ParseHex("404142434445464748494a4b4c4d4e4f5051525354555658", nonce).ok());
  std::vector<uint8_t> data(96, 0);
  XorStream(key, nonce, data);
  EXPECT_EQ(ToHex(data),
            "1131ce9a2a20ae0d67c8935c7789fa1025c9e5bb720fb96f11354fb97af0bd9a"
            "adec0863ba60cac8582c48f86cdfc48edd46a48642c5de62ccf11c7b21bf337d"
            "29624b4b1b140ace53740e405b2168540fd7d630c1f536fecd722fc3cddba7f4");
  XorStream(key, nonce, data);
  EXPECT_TRUE(AllZero(data));
}

TEST_F(Crypto, ComparesWholeContents) {
  std::vector<uint8_t> a = CountingBytes(32);
  std::vector<uint8_t> b = a;
  EXPECT_TRUE(ConstantTimeEqual(a, b));
  b[31] ^= 1;
  EXPECT_FALSE(ConstantTimeEqual(a, b));
  EXPECT_FALSE(ConstantTimeEqual(a, Bytes(a).first(31)));
  EXPECT_TRUE(ConstantTimeEqual(Bytes{}, Bytes{}));
}

TEST_F(Crypto, RandomBytesDiffer) {
  std::array<uint8_t, 64> a{};
  std::array<uint8_t, 64> b{};
  ASSERT_TRUE(RandomBytes(a).ok());
  ASSERT_TRUE(RandomBytes(b).ok());
  EXPECT_NE(a, b);
  RandomBytesNoWait(a);
  RandomBytesNoWait(b);
  EXPECT_NE(a, b);
  // More than getrandom() gives in one uninterruptible piece, and not a multiple of a hash.
  std::vector<uint8_t> large(1001, 0);
  RandomBytesNoWait(large);
  EXPECT_FALSE(AllZero(Bytes(large).last(32)));
}

// From here on this process sees a kernel whose generator is not seeded: getrandom() without waiting gives EAGAIN, and
// one that would wait ends the process.
void RemoveEntropy() {
  std::array<sock_filter, 7> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1 /* GRND_NONBLOCK */, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    fprintf(stderr, "no seccomp here\n");
    _exit(2);
  }
}

[[noreturn]] void InitializeWithoutEntropy() {
  RemoveEntropy();
  std::array<uint8_t, 40> a{};
  std::array<uint8_t, 40> b{};
  const bool initialized = InitializeCrypto().ok();
  RandomBytesNoWait(a);
  RandomBytesNoWait(b);
  const bool good = initialized && a != b && !AllZero(Bytes(a).last(8)) && !Equal(Bytes(a).first(8), Bytes(a).last(8));
  fprintf(stderr, good ? "good\n" : "bad\n");
  _exit(good ? 0 : 1);
}

// Early in a capture kernel nothing seeds the generator: neither initialisation nor RandomBytesNoWait() may wait. In a
// new process, because libsodium is initialised once.
TEST(CryptoDeathTest, NeverWaitsForEntropy) {
  if (!testing::HasSeccomp()) GTEST_SKIP() << testing::kNoSeccomp;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(InitializeWithoutEntropy(), ::testing::ExitedWithCode(0), "good");
}

TEST_F(Crypto, MovedKeyIsWiped) {
  Key key(CountingBytes(32));
  const Key copy = key.Copy();
  const Key moved = std::move(key);
  EXPECT_TRUE(AllZero(key.bytes()));  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(Equal(moved.bytes(), copy.bytes()));
  Key assigned;
  Key source(CountingBytes(32));
  assigned = std::move(source);
  EXPECT_TRUE(AllZero(source.bytes()));  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(Equal(assigned.bytes(), copy.bytes()));
}

TEST_F(Crypto, DestroyedKeyIsWiped) {
  alignas(Key) std::array<uint8_t, sizeof(Key)> memory{};
  Key* key = new (memory.data()) Key(CountingBytes(32));
  EXPECT_FALSE(AllZero(memory));
  key->~Key();
  EXPECT_TRUE(AllZero(memory));
}

TEST_F(Crypto, GeneratedKeysDiffer) {
  const Result<Key> a = Key::Generate();
  const Result<Key> b = Key::Generate();
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_FALSE(Equal(a.value().bytes(), b.value().bytes()));
}

}  // namespace
}  // namespace crashdump
