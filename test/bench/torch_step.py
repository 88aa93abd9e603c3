"""The same training step in PyTorch on the CPU, timed for run-step.mjs: for each line on standard input, a count, takes that
many steps and answers with one line, a JSON array of milliseconds a step.

Same student (RMSNorm, rotary positions, SwiGLU, untied head), cross-entropy + 0.2 KL on top-k + tail targets, clipping to
norm 1, AdamW (fused) with decay on matrices. Inputs are made once; a step is forward, backward, clipping and update.

    echo 20 | python torch_step.py [--compile] [--attention plain|sdpa] [--shape B,T,C,H,L,F,V] [--k 16] [--threads 2]
"""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--compile", action="store_true")
parser.add_argument("--attention", choices=["plain", "sdpa"], default="plain")
parser.add_argument("--shape", default="8,128,256,4,4,688,4096")
parser.add_argument("--k", type=int, default=16)
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()

ROWS, LENGTH, HIDDEN, HEADS, LAYERS, INNER, VOCAB = map(int, options.shape.split(","))
WIDTH = HIDDEN // HEADS
GAMMA, MIN_TAIL = 0.2, 1e-6
torch.set_num_threads(options.threads)
torch.set_flush_denormal(True)
torch.manual_seed(1)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=0.02)
    return layer


def rotate(x, cos, sin):
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.mlp_norm = Norm(), Norm()
        self.q, self.k, self.v, self.o = (linear(HIDDEN, HIDDEN) for _ in range(4))
        self.gate, self.up, self.down = linear(HIDDEN, INNER), linear(HIDDEN, INNER), linear(INNER, HIDDEN)

    def attend(self, x, cos, sin, mask):
        heads = lambda y: y.view(ROWS, LENGTH, HEADS, WIDTH).transpose(1, 2)
        q, k, v = rotate(heads(self.q(x)), cos, sin), rotate(heads(self.k(x)), cos, sin), heads(self.v(x))
        if options.attention == "sdpa":
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            mixed = torch.softmax(q @ k.transpose(-1, -2) * WIDTH**-0.5 + mask, -1) @ v
        return self.o(mixed.transpose(1, 2).reshape(ROWS, LENGTH, HIDDEN))

    def forward(self, x, cos, sin, mask):
        x = x + self.attend(self.attention_norm(x), cos, sin, mask)
        h = self.mlp_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, HIDDEN)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.head = Norm(), linear(HIDDEN, VOCAB)
        frequencies = 10000.0 ** (-2 * torch.arange(WIDTH // 2) / WIDTH)
        angles = torch.arange(LENGTH)[:, None] * frequencies
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        self.register_buffer("mask", torch.full((LENGTH, LENGTH), -1e9).triu(1))

    def forward(self, ids):
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin, self.mask)
        return self.head(self.norm(x))


student = Student()


def loss_of(ids, labels, listed, p, p_tail):
    log_q = torch.log_softmax(student(ids), -1)
    cross_entropy = -log_q.gather(-1, labels[..., None]).mean()
    log_q_listed = log_q.gather(-1, listed)
    q_tail = (1 - log_q_listed.exp().sum(-1)).clamp_min(MIN_TAIL)
    kl = (p * (p.log() - log_q_listed)).sum(-1) + p_tail * (p_tail.log() - q_tail.log())
    return cross_entropy + GAMMA * kl.mean()


if options.compile:
    loss_of = torch.compile(loss_of)
matrices = [p for p in student.parameters() if p.dim() > 1]
vectors = [p for p in student.parameters() if p.dim() <= 1]
optimizer = torch.optim.AdamW(
    [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.95), fused=True
)
ids = torch.randint(0, VOCAB, (ROWS, LENGTH + 1))
listed = torch.stack([torch.randperm(VOCAB)[: options.k] for _ in range(ROWS * LENGTH)]).view(ROWS, LENGTH, options.k)
p = torch.full((ROWS, LENGTH, options.k), 0.9 / options.k)
inputs, labels, p_tail = ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), 1 - p.sum(-1)


def step():
    loss = loss_of(inputs, labels, listed, p, p_tail)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    return loss.item()


for line in sys.stdin:
    milliseconds = []
    for _ in range(int(line)):
        start = time.perf_counter()
        step()
        milliseconds.append((time.perf_counter() - start) * 1e3)
    print(json.dumps(milliseconds), flush=True)
