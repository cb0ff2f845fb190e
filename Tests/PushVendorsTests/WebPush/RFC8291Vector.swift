/// RFC 8291, appendix A: every value of the worked example, in base64url without padding.
enum RFC8291Vector {
    static let values: [String: String] = [
        "plaintext":
            "V2hlbiBJIGdyb3cgdXAsIEkgd2FudCB0byBiZSBhIHdhdGVybWVsb24",
        "as_public":
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        "as_private":
            "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
        "ua_public":
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "ua_private":
            "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
        "salt":
            "DGv6ra1nlYgDCS1FRnbzlw",
        "auth_secret":
            "BTBZMqHH6r4Tts7J_aSIgg",
        "ecdh_secret":
            "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs",
        "prk_key":
            "Snr3JMxaHVDXHWJn5wdC52WjpCtd2EIEGBykDcZW32k",
        "key_info":
            "V2ViUHVzaDogaW5mbwAEJXGyvs3942BVGq8e0PTNNmwRzr5VX4m8t7GGpTM5FzFo7OLr4BhZe9MEebhuPI-OztV3ylkYfpJGmQ22ggCLDgT-M_SrDepxkU21WCP3O1SUj0EwbZIHMtu5pZpTKGSCIA5Zent7wmC6HCJ5mFgJkuk5cwAvMBKiiujwa7t45ewP",
        "ikm":
            "S4lYMb_L0FxCeq0WhDx813KgSYqU26kOyzWUdsXYyrg",
        "prk":
            "09_eUZGrsvxChDCGRCdkLiDXrReGOEVeSCdCcPBSJSc",
        "cek_info":
            "Q29udGVudC1FbmNvZGluZzogYWVzMTI4Z2NtAA",
        "cek":
            "oIhVW04MRdy2XN9CiKLxTg",
        "nonce_info":
            "Q29udGVudC1FbmNvZGluZzogbm9uY2UA",
        "nonce":
            "4h_95klXJ5E_qnoN",
        "header":
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        "padded_plaintext":
            "V2hlbiBJIGdyb3cgdXAsIEkgd2FudCB0byBiZSBhIHdhdGVybWVsb24C",
        "ciphertext":
            "8pfeW0KbunFT06SuDKoJH9Ql87S1QUrdirN6GcG7sFz1y1sqLgVi1VhjVkHsUoEsbI_0LpXMuGvnzQ",
        "body":
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
    ]
    static let lengths: [String: Int] = [
        "plaintext": 41,
        "as_public": 65,
        "as_private": 32,
        "ua_public": 65,
        "ua_private": 32,
        "salt": 16,
        "auth_secret": 16,
        "ecdh_secret": 32,
        "prk_key": 32,
        "key_info": 144,
        "ikm": 32,
        "prk": 32,
        "cek_info": 28,
        "cek": 16,
        "nonce_info": 24,
        "nonce": 12,
        "header": 86,
        "padded_plaintext": 42,
        "ciphertext": 58,
        "body": 144,
    ]
}

/// RFC 8292, section 2.4.
enum RFC8292Example {
    static let token =
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA"
    static let key =
        "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
}
