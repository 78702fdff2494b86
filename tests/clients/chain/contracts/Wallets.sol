// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC1271, Signatures} from "./Signatures.sol";

/// The smallest wallet with code: what its owner signed, it signed (ERC-1271).
contract SmartWallet is IERC1271 {
    address public immutable owner;

    constructor(address owner_) {
        owner = owner_;
    }

    /// Its signatures carry one byte in front of the owner's, so that none passes for an
    /// ordinary one.
    function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4) {
        if (signature.length != 66) return 0xffffffff;
        bytes memory inner = new bytes(65);
        for (uint256 i = 0; i < 65; i++) inner[i] = signature[i + 1];
        return Signatures.by(owner, hash, inner) ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// Deploys wallets to addresses that are known before (ERC-6492).
contract WalletFactory {
    function deploy(address owner) external returns (address wallet) {
        wallet = addressOf(owner);
        if (wallet.code.length == 0) new SmartWallet{salt: 0}(owner);
    }

    function addressOf(address owner) public view returns (address) {
        bytes32 code = keccak256(abi.encodePacked(type(SmartWallet).creationCode, abi.encode(owner)));
        return address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), bytes32(0), code)))));
    }
}

/// ERC-6492: asks the wallet, and deploys it first where the signature says how.
contract Validator6492 {
    bytes32 private constant MAGIC = 0x6492649264926492649264926492649264926492649264926492649264926492;

    function isValidSigWithSideEffects(address signer, bytes32 hash, bytes calldata signature) external returns (bool) {
        if (signature.length < 32 || bytes32(signature[signature.length - 32:]) != MAGIC) {
            return Signatures.by(signer, hash, signature);
        }
        (address factory, bytes memory call, bytes memory inner) =
            abi.decode(signature[:signature.length - 32], (address, bytes, bytes));
        if (signer.code.length == 0) {
            (bool ok,) = factory.call(call);
            if (!ok || signer.code.length == 0) return false;
        }
        return Signatures.by(signer, hash, inner);
    }
}

/// The two calls of Multicall3 that facilitators make.
contract Multicall3 {
    struct Call {
        address target;
        bytes callData;
    }

    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    struct Result {
        bool success;
        bytes returnData;
    }

    function tryAggregate(bool requireSuccess, Call[] calldata calls) external payable returns (Result[] memory results) {
        results = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            results[i] = _call(calls[i].target, calls[i].callData, !requireSuccess);
        }
    }

    function aggregate3(Call3[] calldata calls) external payable returns (Result[] memory results) {
        results = new Result[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            results[i] = _call(calls[i].target, calls[i].callData, calls[i].allowFailure);
        }
    }

    function _call(address target, bytes calldata data, bool mayFail) private returns (Result memory result) {
        (result.success, result.returnData) = target.call(data);
        require(result.success || mayFail, "Multicall3: call failed");
    }
}

/// What an account of its own key delegates to under EIP-7702: it signs as before.
contract DelegatedWallet is IERC1271 {
    function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        (bytes32 r, bytes32 s, uint8 v) = Signatures.parts(signature);
        return ecrecover(hash, v, r, s) == address(this) ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
